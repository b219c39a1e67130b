import { join } from 'node:path';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createIngest, cloudConfigSchema } from '../../../cloud/main.js';
import { ingestGroup, ingestTopics } from '../../../cloud/ingest/ingest.js';
import { logTopics } from '../../../core/contract/log-topics.js';
import { openLog } from '../../../core/log/open-log.js';
import { systemClock } from '../../../core/runtime/clock.js';
import { silentLogger } from '../../../core/runtime/logger.js';
import { haveServers } from '../../servers/ensure.js';
import { startKafka, type Kafka } from '../../servers/kafka.js';
import { waitFor } from '../../servers/wait-for.js';
import type { FaultyStore } from '../../support/faulty-store.js';
import { openStore } from '../../support/open-store.js';
import { rawPoint, testCatalogue } from '../../support/packs.js';
import { tempDir } from '../../support/temp-dir.js';
import { TestDevice } from '../../support/test-device.js';

const sessionTimeoutMs = 6000;
const startUs = systemClock.nowUs() - 3600e6;

describe.skipIf(!(await haveServers('kafka')))('ingest from Kafka', () => {
  let kafka: Kafka;
  beforeAll(async () => {
    kafka = await startKafka();
  });
  afterAll(() => kafka?.stop());

  async function startLog(folder: string) {
    const config = cloudConfigSchema.parse({ log: { kafka: { brokers: [...kafka.bootstrap], sessionTimeoutMs } } });
    const data = { file: (...names: string[]) => join(folder, ...names) };
    const seams = { data, clock: systemClock, logger: silentLogger, registry: new Registry() };
    const log = openLog('cluster', config.log, seams);
    await log.start();
    await log.ensureTopics(Object.values(logTopics));
    onTestFinished(() => log.stop(3000));
    return { log, config, seams };
  }

  /** One ingest process: a client, a parking and counters of its own. */
  async function startIngest(store: FaultyStore) {
    const { log, config, seams } = await startLog(await tempDir());
    const ingest = createIngest(
      { ...config, rollups: { ...config.rollups, enabled: false } },
      { ...seams, log, store },
    );
    await ingest.start();
    onTestFinished(() => ingest.stop(3000));
    return ingest;
  }

  test('two processes share the group; a store that is away for longer than a session costs no membership', async () => {
    const store = await openStore();
    const { log } = await startLog(await tempDir());
    const devices = Array.from(
      { length: 24 },
      (_, i) => new TestDevice(log, testCatalogue(['temp'], 'plant1', `d${i}`)),
    );
    for (const device of devices) await device.announce();
    const [one, two] = await Promise.all([startIngest(store), startIngest(store)]);
    const outs = () => [one, two].map((ingest) => ingest.status().stage.out);
    let sent = 0;
    const send = async (): Promise<void> => {
      const points = Array.from({ length: 10 }, (_, i) => rawPoint('temp', startUs + sent * 1e6 + i, i));
      sent += 1;
      await Promise.all(devices.map((device) => device.send(points)));
    };
    const settled = () =>
      waitFor('everything committed', 60_000, async () => (await log.lag(ingestGroup, ingestTopics)) === 0);

    const before = async (): Promise<boolean> => {
      await send();
      return Math.min(...outs()) > 0;
    };
    await waitFor('work for both', 60_000, before, 500);
    await settled();
    const duplicatesBefore = duplicates(store);

    store.away = true;
    const sinceMs = performance.now();
    await send();
    await waitFor('two sessions to be over', 30_000, () => performance.now() - sinceMs > 2 * sessionTimeoutMs);
    store.away = false;
    await settled();

    expect(duplicates(store)).toBe(duplicatesBefore);
    let stored = 0;
    for await (const page of store.points({}, { fromUs: 0, toUs: 2 ** 52 })) stored += page.length;
    expect(stored).toBe(sent * 240);
    for (const ingest of [one, two]) {
      expect(ingest.status().stage).toMatchObject({ dropped: 0, inFlight: 0 });
      expect(ingest.notReady()).toEqual([]);
    }
  });
});

const duplicates = ({ outcomes }: FaultyStore): number => outcomes.reduce((sum, { duplicate }) => sum + duplicate, 0);
