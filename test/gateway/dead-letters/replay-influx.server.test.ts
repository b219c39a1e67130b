import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { defaultRetention } from '../../../cloud/store/store.js';
import { logTopics } from '../../../core/contract/log-topics.js';
import { deadLetter } from '../../../gateway/intake/dead-letter.js';
import { influxStoreOn, ownBuckets } from '../../cloud/store/influx-fixture.js';
import { haveServers } from '../../servers/ensure.js';
import { startInfluxd, type Influxdb } from '../../servers/influxdb.js';
import { IngestLine, startUs } from '../../support/ingest-line.js';
import { rawPoint, testCatalogue } from '../../support/packs.js';
import { TestDevice } from '../../support/test-device.js';
import { ways } from './ways.js';

const letters = logTopics.deadLetters.name;
const settle = () => undefined;

describe.skipIf(!(await haveServers('influxdb')))('dead letters replayed into InfluxDB', () => {
  let influxdb: Influxdb;
  beforeAll(async () => {
    influxdb = await startInfluxd();
  });
  afterAll(() => influxdb?.stop());

  test('count once, whether they are of our devices, of foreign senders, or were stored in part', async () => {
    const store = influxStoreOn(influxdb, {
      ...{ retention: defaultRetention, buckets: ownBuckets(), registry: new Registry() },
    });
    await store.start();
    onTestFinished(() => store.stop(2000));
    const line = await IngestLine.open(store);
    await line.run('quarantine');
    const device = new TestDevice(line.log, testCatalogue(['temp']));
    await device.announce();
    const { replayer } = ways(line);
    const narrow = ways(line, 1);

    const topic = { ...device.catalogue, kind: 'data' as const };
    const pack = device.encoded([rawPoint('temp', startUs, 20), rawPoint('temp', startUs + 1e6, 21)]);
    const own = deadLetter({ topic, payload: pack, receivedUs: 5, settle }, 'version', 'too new');
    await line.log.append(letters, own.records);
    const payload = Buffer.from(
      JSON.stringify([
        { bn: 'plant1/gauge/', bt: startUs / 1e6, n: 'level', u: 'm', v: 3 },
        { n: 'flow', u: 'm3/s', v: 4 },
      ]),
    );
    const { decoded } = narrow.foreign.take({
      ...{ source: narrow.source, topic: 'senml/a', sender: 'gauge-1', payload, receivedUs: startUs, settle },
    });
    for (const group of [...(decoded.before ?? []), decoded]) await line.log.append(group.topic, group.records);
    await device.send([rawPoint('strange', startUs, 1)]);
    await line.committed();
    expect(await line.stored()).toEqual(['level 0 3']);
    expect(line.letters).toEqual(['version', 'sensor-limit', 'unknown-sensor']);

    await line.run('accept');
    for (let i = 0; i < 2; i += 1) {
      for (const position of ['0/0', '0/1', '0/2'])
        expect(await replayer.replay(position, { dry: false })).toMatchObject({ outcome: 'replayed' });
      await line.committed();
      expect((await line.stored()).sort()).toEqual(['flow 0 4', 'level 0 3', 'strange 0 1', 'temp 0 20', 'temp 1 21']);
    }
  });
});
