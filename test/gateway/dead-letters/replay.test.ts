import { describe, expect, test } from 'vitest';
import { catalogueHash } from '../../../core/contract/catalogue.js';
import { letterPosition, markOf } from '../../../core/contract/dead-letter.js';
import { deviceEventKey } from '../../../core/contract/device-events.js';
import { logTopics } from '../../../core/contract/log-topics.js';
import { LetterIndex } from '../../../gateway/dead-letters/letter-index.js';
import { deadLetter } from '../../../gateway/intake/dead-letter.js';
import type { ForeignSource } from '../../../gateway/intake/topic-router.js';
import { IngestLine, startUs } from '../../support/ingest-line.js';
import { rawPoint, testCatalogue } from '../../support/packs.js';
import { TestDevice } from '../../support/test-device.js';
import { waitFor } from '../../servers/wait-for.js';
import { ways } from './ways.js';

const letters = logTopics.deadLetters.name;
const readings = logTopics.readings.name;
const gauge = { site: 'plant1', device: 'gauge' };

async function open() {
  const line = await IngestLine.open();
  await line.run('quarantine');
  const device = new TestDevice(line.log, testCatalogue(['temp']));
  const index = new LetterIndex(line.log, 100);
  const states = async () =>
    (await index.list({ limit: 100 })).letters.map(({ position, state, trial }) =>
      `${position} ${state} ${trial?.reason ?? ''}`.trim(),
    );
  return { line, device, states, ...ways(line) };
}

const settle = () => undefined;
const counts = async (line: IngestLine) => {
  await line.committed();
  return line.counts();
};
const values = [rawPoint('temp', startUs, 20), rawPoint('temp', startUs + 1e6, 21)];

/** The pack of a device as a letter of the gateway, as one that could not read it would have left it. */
async function letterOfPack(line: IngestLine, device: TestDevice, reason: 'version' | 'number-conflict' = 'version') {
  const aside = new TestDevice(device.log, device.catalogue);
  aside.nextSeq = device.nextSeq++;
  const payload = aside.encoded(values);
  const topic = { ...device.catalogue, kind: 'data' as const };
  await line.log.append(letters, deadLetter({ topic, payload, receivedUs: 5, settle }, reason, 'too new').records);
}

describe('a replayed pack of ours', () => {
  test('keeps its number: however often it is replayed, or sent by its device, it counts once', async () => {
    const { line, device, replayer, states } = await open();
    await device.announce();
    await letterOfPack(line, device);
    expect(await replayer.replay('0/0', { dry: true })).toEqual({
      position: '0/0',
      outcome: 'would-replay',
      readings: 2,
    });
    expect(line.log.records(readings)).toEqual([]);
    for (let i = 0; i < 2; i += 1) {
      expect(await replayer.replay('0/0', { dry: false })).toEqual({
        position: '0/0',
        outcome: 'replayed',
        readings: 2,
      });
      expect(await counts(line)).toEqual({ temp: 2 });
      expect(await line.stored()).toEqual(['temp 0 20', 'temp 1 21']);
    }
    device.nextSeq = 0;
    await device.send(values);
    expect(await counts(line)).toEqual({ temp: 2 });
    expect(await line.stored()).toHaveLength(2);
    expect(await states()).toEqual(['0/0 replayed']);
    expect([...(await line.store.behind.ledger()).keys()]).toEqual([`${device.key}/${device.epoch}`]);
  });

  test('whose number another pack has gets one of its own', async () => {
    const { line, device, replayer } = await open();
    await device.announce();
    await device.send([rawPoint('temp', startUs + 5e6, 7)]);
    device.nextSeq = 0;
    await letterOfPack(line, device, 'number-conflict');
    for (let i = 0; i < 2; i += 1) {
      expect(await replayer.replay('0/0', { dry: false })).toMatchObject({ outcome: 'replayed', readings: 2 });
      expect(await counts(line)).toEqual({ temp: 3 });
      expect(await line.stored()).toEqual(['temp 0 20', 'temp 1 21', 'temp 5 7']);
    }
  });

  test('that fails again is told of, and leaves nothing behind', async () => {
    const { line, device, replayer, states } = await open();
    const topic = { ...device.catalogue, kind: 'data' as const };
    const bad = { topic, payload: Buffer.from('[{"bn":"plant1/press-07/"}]'), receivedUs: 5, settle };
    await line.log.append(letters, deadLetter(bad, 'schema', 'as it was').records);
    for (let i = 0; i < 3; i += 1) {
      expect(await replayer.replay('0/0', { dry: false })).toMatchObject({ outcome: 'failed', reason: 'version' });
    }
    expect(line.log.records(letters)).toHaveLength(1);
    expect(await states()).toEqual(['0/0 open']);
    expect(await replayer.replay('0/7', { dry: false })).toMatchObject({ outcome: 'failed', reason: 'gone' });
  });

  test('of which only the beginning was kept is not taken for the whole', async () => {
    const { line, device, replayer } = await open();
    const topic = { ...device.catalogue, kind: 'data' as const };
    const payload = new TestDevice(line.log, device.catalogue).encoded(values);
    const cut = deadLetter({ topic, payload, receivedUs: 5, settle }, 'refused', 'x', 2, 'cut');
    await line.log.append(letters, cut.records);
    expect(await replayer.replay('0/0', { dry: false })).toMatchObject({ outcome: 'failed', reason: 'cut' });
  });
});

test('of what a device said of itself only what lasts is replayed', async () => {
  const { line, device, replayer } = await open();
  const topic = { ...device.catalogue, kind: 'state' as const };
  const { site, device: name } = device.catalogue;
  const catalogue = { ...device.catalogue };
  const state = { session: 'a'.repeat(16), epoch: device.epoch, lastSeq: 3, oldestHeld: 4, timeUs: 5 };
  const birth = { type: 'birth', ...state, catalogueHash: catalogueHash(catalogue), catalogue, version: '1' };
  const beat = { type: 'heartbeat', ...state, pending: 0, bytes: 0 };
  for (const said of [birth, beat]) {
    const payload = Buffer.from(JSON.stringify(said));
    await line.log.append(
      letters,
      deadLetter({ topic, payload, receivedUs: 5, settle }, 'decoder-failed', 'x').records,
    );
  }
  expect(await replayer.replay('0/0', { dry: false })).toMatchObject({ outcome: 'replayed', readings: 0 });
  expect(await replayer.replay('0/1', { dry: false })).toMatchObject({ outcome: 'nothing' });
  expect(line.log.records(logTopics.deviceEvents.name).map(({ key }) => key)).toEqual([
    deviceEventKey({ site, device: name }, 'catalogue', catalogueHash(catalogue)),
  ]);
});

describe('a replayed message of a foreign sender', () => {
  const payload = Buffer.from(
    JSON.stringify([
      { bn: 'plant1/gauge/', bt: startUs / 1e6, n: 'level', u: 'm', v: 3 },
      { n: 'flow', u: 'm3/s', v: 4 },
      { n: 'level', u: 'm', t: 1, v: 5 },
    ]),
  );
  const arrivalOf = (source: ForeignSource, bytes = payload) => ({
    ...{ source, topic: 'senml/a', sender: 'gauge-1', payload: bytes, receivedUs: startUs, settle },
  });

  test('has numbers of its own, the same each time, so it counts once', async () => {
    const { line, source, replayer, states } = await open();
    await line.log.append(letters, deadLetter(arrivalOf(source), 'decoder-failed', 'a fault').records);
    expect(await replayer.replay('0/0', { dry: true })).toMatchObject({ outcome: 'would-replay', readings: 3 });
    expect(line.log.records(logTopics.deviceEvents.name)).toEqual([]);
    for (let i = 0; i < 3; i += 1) {
      // After a restart of the gateway, too.
      const { replayer: other } = ways(line);
      for (const one of [replayer, other]) {
        expect(await one.replay('0/0', { dry: false })).toMatchObject({ outcome: 'replayed', readings: 3 });
        expect(await counts(line)).toEqual({ level: 2, flow: 1 });
        expect(await line.stored()).toEqual(['flow 0 4', 'level 0 3', 'level 1 5']);
      }
    }
    expect(await states()).toEqual(['0/0 replayed']);
  });

  test('of which a part was taken before counts each reading once', async () => {
    const line = await IngestLine.open();
    await line.run('quarantine');
    const narrow = ways(line, 1);
    const { decoded } = narrow.foreign.take(arrivalOf(narrow.source));
    for (const { topic, records } of [...(decoded.before ?? []), decoded]) await line.log.append(topic, records);
    expect(await counts(line)).toEqual({ level: 2 });
    expect(line.letters).toEqual(['sensor-limit']);
    const { replayer } = ways(line);
    for (let i = 0; i < 2; i += 1) {
      expect(await replayer.replay('0/0', { dry: false })).toMatchObject({ outcome: 'replayed', readings: 3 });
      expect(await counts(line)).toEqual({ level: 2, flow: 1 });
    }
  });

  test('on a topic that no source takes any more, or that no decoder can read, fails', async () => {
    const { line, source, replayer } = await open();
    const junk = { ...arrivalOf(source, Buffer.from('{')) };
    await line.log.append(letters, deadLetter(junk, 'not-json', 'x').records);
    await line.log.append(letters, deadLetter({ ...junk, topic: 'other/a' }, 'not-json', 'x').records);
    expect(await replayer.replay('0/0', { dry: false })).toMatchObject({ outcome: 'failed' });
    expect(await replayer.replay('0/1', { dry: false })).toMatchObject({ outcome: 'failed', reason: 'no-way' });
    expect(line.log.records(letters)).toHaveLength(2);
  });

  test('comes for a device that has since got a catalogue of its own, and is refused', async () => {
    const { line, source, replayer, foreign } = await open();
    await line.log.append(letters, deadLetter(arrivalOf(source), 'decoder-failed', 'x').records);
    const own = new TestDevice(line.log, testCatalogue(['level'], gauge.site, gauge.device));
    await own.announce();
    for (const { key, value } of line.log.records(logTopics.deviceEvents.name)) {
      foreign.learn({ device: gauge, kind: key.split('/')[2]!, id: key.split('/')[3]!, value, timeUs: 0 } as never);
    }
    expect(await replayer.replay('0/0', { dry: false })).toMatchObject({ outcome: 'failed', reason: 'own-device' });
  });
});

describe('a replayed letter of the ingest', () => {
  test('of an unknown sensor leaves a mark when it fails again, and counts once when it is accepted', async () => {
    const { line, device, replayer, states } = await open();
    await device.announce();
    await device.send([...values, rawPoint('strange', startUs, 1)]);
    await line.committed();
    expect(line.letters).toEqual(['unknown-sensor']);
    for (let i = 0; i < 2; i += 1) {
      expect(await replayer.replay('0/0', { dry: false })).toMatchObject({ outcome: 'replayed', readings: 3 });
      expect(await counts(line)).toEqual({ temp: 2 });
    }
    await waitFor('the mark', 20_000, async () => (await states())[0] === '0/0 failed unknown-sensor');
    const marks = line.log.records(letters).slice(1);
    expect(marks.every(({ headers, value }) => markOf(headers) && value.byteLength === 0)).toBe(true);
    await line.run('accept');
    for (let i = 0; i < 2; i += 1) {
      await replayer.replay('0/0', { dry: false });
      expect(await counts(line)).toEqual({ temp: 2, strange: 1 });
      expect(await line.stored()).toHaveLength(3);
    }
    expect(await states()).toEqual(['0/0 replayed']);
  });

  test('that lost its bytes for their size is read where it came from', async () => {
    const { line, device, replayer } = await open();
    await device.announce();
    await device.send(values);
    await line.committed();
    const { key, offset } = line.log.records(readings)[0]!;
    const { partition } = (await line.log.bounds(readings)).find(({ next }) => next > 0)!;
    const headers = { reason: 'schema', stage: 'ingest', source: `${readings}/${partition}/${offset}` };
    await line.log.append(letters, [{ key, value: new Uint8Array(), headers }]);
    expect(await replayer.replay(letterPosition(0, 0), { dry: false })).toMatchObject({
      outcome: 'replayed',
      readings: 2,
    });
    expect(await counts(line)).toEqual({ temp: 2 });
  });
});
