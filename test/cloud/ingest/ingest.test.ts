import { Registry } from 'prom-client';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Ingest, ingestGroup, ingestTopics, type IngestOptions } from '../../../cloud/ingest/ingest.js';
import { Parking, recordOverheadBytes } from '../../../cloud/ingest/parking.js';
import { PointsRejectedError } from '../../../cloud/store/influx/rejected-points.js';
import type { StoredPoint } from '../../../cloud/store/store.js';
import type { Alert } from '../../../core/contract/alert.js';
import { logTopics } from '../../../core/contract/log-topics.js';
import { uptimeStamp } from '../../../core/contract/uptime-stamps.js';
import { systemClock } from '../../../core/runtime/clock.js';
import { RejectedError } from '../../../core/runtime/errors.js';
import { silentLogger } from '../../../core/runtime/logger.js';
import type { FaultyStore } from '../../support/faulty-store.js';
import { MemoryLog } from '../../support/memory-log.js';
import { openStore } from '../../support/open-store.js';
import { rawPoint, testCatalogue } from '../../support/packs.js';
import { tempDir } from '../../support/temp-dir.js';
import { TestDevice } from '../../support/test-device.js';
import { waitFor } from '../../servers/wait-for.js';

const startUs = systemClock.nowUs() - 3600e6;
const hot: Alert = {
  ...{ sensor: 'temp', rule: 'hot', state: 'raised', severity: 'warning' },
  ...{ timeUs: startUs, value: 81, threshold: 80, message: 'temp is above 80' },
};
const quick = { firstMs: 2, maxMs: 5 };

interface Line {
  readonly log: MemoryLog;
  readonly store: FaultyStore;
  readonly parkingPath: string;
}

async function openLine(): Promise<Line> {
  const log = new MemoryLog();
  await log.start();
  await log.ensureTopics(Object.values(logTopics));
  return { log, store: await openStore(), parkingPath: await tempDir() };
}

type Limits = Partial<IngestOptions> & { maxBytes?: number; maxBytesPerDevice?: number };

async function startIngest({ log, store, parkingPath }: Line, limits: Limits = {}) {
  const { maxBytes = 1e7, maxBytesPerDevice = 1e7, ...over } = limits;
  const parking = new Parking({ path: parkingPath, maxBytes, maxBytesPerDevice });
  const registry = new Registry();
  const seams = { log, store, parking, clock: systemClock, logger: silentLogger, registry };
  const ingest = new Ingest({ ...seams, gatherMs: 2, retry: quick, ...over });
  await ingest.start();
  onTestFinished(() => ingest.stop(1000));
  return Object.assign(ingest, { registry, parking });
}

const points = (count: number, sensor = 'temp', fromUs = startUs) =>
  Array.from({ length: count }, (_, i) => rawPoint(sensor, fromUs + i * 1000, i));

async function stored({ store }: Line): Promise<StoredPoint[]> {
  const all: StoredPoint[] = [];
  for await (const page of store.behind.points({}, { fromUs: 0, toUs: 2 ** 52 })) all.push(...page);
  return all;
}

const ledgerText = async ({ store }: Line): Promise<string[]> =>
  [...(await store.behind.ledger())].map(([source, ranges]) => `${source} ${ranges.toString()}`);

const committed = ({ log }: Line) =>
  waitFor('everything committed', 5000, async () => (await log.lag(ingestGroup, ingestTopics)) === 0, 2);

const reasons = ({ log }: Line): string[] =>
  log.records(logTopics.deadLetters.name).map(({ headers }) => headers!.reason!);

/** in = out + dropped + in flight, and what is in flight is parked. */
function expectBalance(ingest: Ingest): void {
  const { stage, parked } = ingest.status();
  expect(stage.in).toBe(stage.out + stage.dropped + stage.inFlight);
  expect(stage.inFlight).toBe(parked.readings);
}

describe('ingest', () => {
  test('stores packs of many devices, and commits only then', async () => {
    const line = await openLine();
    const devices = Array.from(
      { length: 30 },
      (_, i) => new TestDevice(line.log, testCatalogue(['temp'], 'plant1', `d${i}`)),
    );
    for (const device of devices) await device.announce();
    for (const device of devices) await device.send(points(10));
    const ingest = await startIngest(line);
    await Promise.all(devices.map((device) => device.send(points(10, 'temp', startUs + 1e6))));
    await committed(line);
    expect(await stored(line)).toHaveLength(600);
    expect(ingest.status().stage).toMatchObject({ in: 600, out: 600, dropped: 0, inFlight: 0 });
    expect(line.store.outcomes.length).toBeLessThan(30);
    expect(ingest.status().latencyMs!.max).toBeGreaterThan(3_500_000);
    expect(await ingest.registry.metrics()).toContain('fieldline_ingest_outcome_readings_total{outcome="stored"} 600');
  });

  test('killed between store and commit: the same records come again and change nothing', async () => {
    const line = await openLine();
    const device = new TestDevice(line.log);
    await device.announce();
    await device.send(points(20));
    line.store.afterWrite = () => line.log.crash();
    const killed = await startIngest(line);
    await waitFor('the write', 5000, () => line.store.outcomes.length === 1, 2);
    await killed.parking.stop();
    line.store.afterWrite = () => undefined;
    expect(await line.log.lag(ingestGroup, ingestTopics)).toBe(1);
    const before = await stored(line);
    const ingest = await startIngest(line);
    await committed(line);
    expect(line.store.outcomes.at(-1)).toEqual({ stored: 0, duplicate: 20, expired: 0 });
    expect(await stored(line)).toEqual(before);
    expect(ingest.status().stage).toMatchObject({ in: 20, out: 20, dropped: 0 });
    expect(await ingest.registry.metrics()).toContain('{outcome="duplicate"} 20');
  });

  test('a store that is away for a while holds the offsets back and loses nothing', async () => {
    const line = await openLine();
    const devices = ['a', 'b', 'c'].map((name) => new TestDevice(line.log, testCatalogue(['temp'], 'plant1', name)));
    for (const device of devices) await device.announce();
    const ingest = await startIngest(line);
    line.store.away = true;
    for (let pack = 0; pack < 5; pack += 1) {
      for (const device of devices) await device.send(points(10, 'temp', startUs + pack * 1e6));
    }
    await waitFor('some tries', 5000, () => line.store.tries > 5, 2);
    expect(await line.log.lag(ingestGroup, ingestTopics)).toBe(15);
    expect(ingest.status()).toMatchObject({ storing: false, stage: { out: 0, dropped: 0 } });
    line.store.away = false;
    await committed(line);
    expect(await stored(line)).toHaveLength(150);
    expect(ingest.status()).toMatchObject({ storing: true, stage: { in: 150, out: 150, inFlight: 0 } });
  });

  test('stopped while the store is away, it hands everything back in time', async () => {
    const line = await openLine();
    const device = new TestDevice(line.log);
    await device.announce();
    line.store.away = true;
    const ingest = await startIngest(line);
    await device.send(points(10));
    await waitFor('a try', 5000, () => line.store.tries > 0, 2);
    const startedMs = performance.now();
    await ingest.stop(300);
    expect(performance.now() - startedMs).toBeLessThan(20_000);
    expect(ingest.status().stage).toMatchObject({ in: 10, out: 0, reasons: { 'handed-back': 10 }, inFlight: 0 });
    line.store.away = false;
    await startIngest(line);
    await committed(line);
    expect(await stored(line)).toHaveLength(10);
  });

  test('a pack that the store will never take is set aside with its bytes, the others go on', async () => {
    const line = await openLine();
    const device = new TestDevice(line.log);
    await device.announce();
    const sent = [await device.send(points(3)), await device.send(points(4, 'temp', startUs + 1e6))];
    line.store.fault = ({ packs }) =>
      packs.some(({ pack }) => pack.seq === 1) ? new RejectedError('refused', 'not this one') : undefined;
    await device.send(points(5, 'temp', startUs + 2e6));
    const ingest = await startIngest(line);
    await committed(line);
    expect(sent.map(({ seq }) => seq)).toEqual([0, 1]);
    expect(await stored(line)).toHaveLength(8);
    expect(ingest.status().stage).toMatchObject({ in: 12, out: 8, reasons: { rejected: 4 }, inFlight: 0 });
    const [letter] = line.log.records(logTopics.deadLetters.name);
    const origin = line.log.records(logTopics.readings.name)[1]!;
    expect(letter).toMatchObject({ key: origin.key, value: origin.value });
    expect(letter!.headers).toMatchObject({ reason: 'rejected', detail: 'not this one', stage: 'ingest' });
  });

  test('points that the store refuses by name are set aside, the others of their pack are stored', async () => {
    const line = await openLine();
    const device = new TestDevice(line.log);
    await device.announce();
    await device.alert(hot);
    for (let pack = 0; pack < 3; pack += 1) await device.send(points(4, 'temp', startUs + pack * 1e6));
    const refused = startUs + 1e6 + 2000;
    line.store.fault = ({ packs }) => {
      const named = packs.flatMap(({ pack }, i) =>
        pack.points.flatMap((point, index) =>
          point.timeUs === refused ? [{ pack: i, index, point, detail: 'odd' }] : [],
        ),
      );
      return named.length > 0 ? new PointsRejectedError(named) : undefined;
    };
    const ingest = await startIngest(line);
    await committed(line);
    expect((await stored(line)).map(({ timeUs }) => timeUs)).not.toContain(refused);
    expect(await stored(line)).toHaveLength(11);
    expect(await ledgerText(line)).toEqual([`${device.key}/${device.epoch} 0-3`]);
    expect(ingest.status().stage).toMatchObject({ in: 12, out: 11, reasons: { rejected: 1 }, inFlight: 0 });
    expect(line.log.records(logTopics.deadLetters.name)).toMatchObject([
      { headers: { reason: 'rejected', detail: 'odd' } },
    ]);
  });

  test('an unforeseen failure of the store is handed back and tried again', async () => {
    const line = await openLine();
    const device = new TestDevice(line.log);
    await device.announce();
    await device.send(points(6));
    line.store.fault = () => (line.store.tries <= 2 ? new Error('a fault of ours') : undefined);
    const ingest = await startIngest(line);
    await committed(line);
    expect(await stored(line)).toHaveLength(6);
    expect(ingest.status().stage).toMatchObject({ in: 18, out: 6, reasons: { 'handed-back': 12 }, inFlight: 0 });
  });
});

describe('what cannot be stored as it is', () => {
  test('bad packs go to the dead letters with their bytes and their place, and the rest goes on', async () => {
    const line = await openLine();
    const device = new TestDevice(line.log);
    await device.announce();
    const junk = [Buffer.from('not a pack'), Buffer.from('[{"bn":"plant1/press-07/"}]'), Buffer.alloc(0)];
    for (const value of junk) await device.append(logTopics.readings.name, value);
    await device.append(logTopics.alerts.name, junk[0]!);
    await device.send(points(2));
    const ingest = await startIngest(line);
    await committed(line);
    const letters = line.log.records(logTopics.deadLetters.name);
    expect(letters.map(({ value }) => Buffer.from(value).toString()).sort()).toEqual(
      [...junk, junk[0]!].map(String).sort(),
    );
    expect(reasons(line).sort()).toEqual(['bad-coding', 'bad-coding', 'not-json', 'version']);
    const partition = line.log.records(logTopics.readings.name)[1]!;
    expect(letters.map(({ headers }) => headers!.source)).toContainEqual(
      expect.stringMatching(new RegExp(`^sensor-readings/\\d+/${partition.offset}$`)),
    );
    expect(await stored(line)).toHaveLength(2);
    expectBalance(ingest);
  });

  test('sensors whose unit disagrees, and unknown ones, are set aside; the pack has arrived all the same', async () => {
    const line = await openLine();
    const device = new TestDevice(line.log);
    await device.announce();
    const mixed = [...points(3), ...points(2, 'pressure'), ...points(1, 'hidden')];
    await device.send(mixed, {}, new Map([['temp', 'K']]));
    await device.send(points(2), {}, new Map([['temp', 'K']]));
    const ingest = await startIngest(line);
    await committed(line);
    expect((await stored(line)).map(({ sensor }) => sensor)).toEqual(['pressure', 'pressure']);
    expect(reasons(line)).toEqual(['unknown-sensor', 'unit-mismatch', 'unit-mismatch']);
    expect(await ledgerText(line)).toEqual([`${device.key}/${device.epoch} 0-1`]);
    expect(ingest.status().stage).toMatchObject({
      ...{ in: 8, out: 2, inFlight: 0 },
      reasons: { 'unknown-sensor': 1, 'unit-mismatch': 5 },
    });
    const [first] = line.log.records(logTopics.deadLetters.name);
    expect(first!.value).toEqual(line.log.records(logTopics.readings.name)[0]!.value);
  });

  test('a pack with an unknown catalogue waits on disk, over a restart, and is stored when it comes', async () => {
    const line = await openLine();
    const device = new TestDevice(line.log);
    const other = new TestDevice(line.log, testCatalogue(['temp'], 'plant1', 'other'));
    await other.announce();
    await device.send(points(5));
    await device.send([...points(3, 'temp', startUs + 1e6), ...points(1, 'hidden')]);
    await other.send(points(2));
    const first = await startIngest(line);
    await committed(line);
    expect(await stored(line)).toHaveLength(2);
    expect(first.status()).toMatchObject({
      parked: { records: 2, readings: 9 },
      stage: { in: 11, out: 2, inFlight: 9 },
    });
    expectBalance(first);
    await first.stop(1000);
    const second = await startIngest(line);
    expect(second.status()).toMatchObject({ parked: { records: 2 }, stage: { in: 9, inFlight: 9 } });
    await device.announce();
    await waitFor('the release', 5000, () => second.status().parked.records === 0, 2);
    expect(await stored(line)).toHaveLength(10);
    expect(reasons(line)).toEqual(['unknown-sensor']);
    expect(second.status().stage).toMatchObject({ in: 9, out: 8, dropped: 1, inFlight: 0 });
    expect(await ledgerText(line)).toContain(`${device.key}/${device.epoch} 0-1`);
  });

  test('a catalogue that comes while a pack is on its way to the parking is not missed', async () => {
    const line = await openLine();
    const device = new TestDevice(line.log);
    const parking = new Parking({ path: line.parkingPath, maxBytes: 1e7, maxBytesPerDevice: 1e7 });
    const park = parking.park.bind(parking);
    const ingest = await startIngest(line, { parking });
    parking.park = async (...args) => {
      await device.announce();
      await waitFor('the catalogue', 5000, () => ingest.status().catalogues === 1, 2);
      return park(...args);
    };
    await device.send(points(5));
    await committed(line);
    await waitFor('the release', 5000, () => parking.status().records === 0, 2);
    expect(await stored(line)).toHaveLength(5);
  });

  test('what was parked is stored at the start if its catalogue came while the ingest was down', async () => {
    const line = await openLine();
    const device = new TestDevice(line.log);
    await device.send(points(5));
    const first = await startIngest(line);
    await committed(line);
    await first.stop(1000);
    await device.announce();
    const second = await startIngest(line);
    await waitFor('the release', 5000, () => second.status().parked.records === 0, 2);
    expect(await stored(line)).toHaveLength(5);
    expectBalance(second);
  });

  test('killed between parking and commit: parked once, stored once', async () => {
    const line = await openLine();
    const device = new TestDevice(line.log);
    await device.send(points(5));
    const killed = await startIngest(line);
    await waitFor('the parking', 5000, () => killed.status().parked.records === 1, 1);
    line.log.crash();
    await killed.stop(1000);
    const offset = line.log.records(logTopics.readings.name)[0]!.offset;
    line.log.rewind(ingestGroup, logTopics.readings.name, offset);
    const ingest = await startIngest(line);
    await committed(line);
    expect(ingest.status().parked).toMatchObject({ records: 1, readings: 5 });
    expectBalance(ingest);
    await device.announce();
    await waitFor('the release', 5000, () => ingest.status().parked.records === 0, 2);
    expect(await stored(line)).toHaveLength(5);
    expect(ingest.status().stage).toMatchObject({ in: 10, out: 10, inFlight: 0 });
  });

  test('a release that fails is tried again, and no reading is counted twice', async () => {
    const line = await openLine();
    const device = new TestDevice(line.log);
    await device.send([...points(5), ...points(2, 'hidden')]);
    const ingest = await startIngest(line);
    await committed(line);
    line.store.fault = () => (line.store.tries <= 2 ? new Error('a fault of ours') : undefined);
    await device.announce();
    await waitFor('the release', 5000, () => ingest.status().parked.records === 0, 2);
    expect(line.store.tries).toBe(3);
    expect(await stored(line)).toHaveLength(5);
    expect(ingest.status().stage).toMatchObject({ in: 11, out: 5, reasons: { 'unknown-sensor': 6 }, inFlight: 0 });
  });

  test('a pack of an unsynced clock is parked as a whole, and stays there', async () => {
    const line = await openLine();
    const device = new TestDevice(line.log);
    await device.announce();
    await device.send([...points(1), { ...points(1, 'pressure')[0]!, quality: 'clock-unsynced' }]);
    await device.send(points(1, 'temp', startUs + 1e6));
    const ingest = await startIngest(line);
    await committed(line);
    expect(await stored(line)).toHaveLength(1);
    expect(ingest.parking.waiting()).toEqual([`clock/${device.key}`]);
    expectBalance(ingest);
  });

  describe('packs of a boot whose clock is not known', () => {
    const boot = 'b'.repeat(32);
    const offsetUs = startUs - 60e6;
    const uptimes = (count: number, fromUs: number) => points(count, 'temp', uptimeStamp(fromUs));
    const times = async (line: Line) => (await stored(line)).map(({ timeUs }) => timeUs);

    test('wait for it, over a restart of the ingest as well, and are stored once and at the right times', async () => {
      const line = await openLine();
      const device = new TestDevice(line.log);
      await device.announce();
      const first = await startIngest(line);
      await device.send(uptimes(3, 60e6), { boot });
      await device.alertOf(boot, { ...hot, timeUs: uptimeStamp(61e6) });
      await device.send(points(2, 'temp', startUs + 100e6));
      await device.send(uptimes(3, 70e6), { boot: 'c'.repeat(32) });
      await committed(line);
      expect(await times(line)).toEqual([startUs + 100e6, startUs + 100e6 + 1000]);
      expect(first.status().parked).toMatchObject({ records: 3, readings: 6, unsynced: { records: 3, readings: 6 } });
      expect(await first.registry.metrics()).toContain('fieldline_ingest_parked_unsynced_readings 6');
      await first.stop(1000);
      await device.tellClock(boot, offsetUs);
      const ingest = await startIngest(line);
      await waitFor('the release', 5000, () => ingest.status().parked.records === 1, 2);
      // The same again, as after a lost acknowledgement or on the next birth.
      await device.tellClock(boot, offsetUs);
      device.nextSeq = 0;
      await device.send(uptimes(3, 60e6), { boot });
      await device.alertOf(boot, { ...hot, timeUs: uptimeStamp(61e6) });
      await committed(line);
      expect(await times(line)).toEqual([
        ...[startUs, startUs + 1000, startUs + 2000],
        ...[startUs + 100e6, startUs + 100e6 + 1000],
      ]);
      expect(await line.store.alerts({ limit: 10 })).toEqual([
        { ...hot, timeUs: startUs + 1e6, site: 'plant1', device: 'press-07' },
      ]);
      expect(await ledgerText(line)).toEqual([`${device.key}/${device.epoch} 0-2`]);
      expect(ingest.parking.waiting()).toEqual([`clock/${device.key}/${'c'.repeat(32)}`]);
      expectBalance(ingest);
    });

    test('are stored at once when the clock is known already', async () => {
      const line = await openLine();
      const device = new TestDevice(line.log);
      await device.announce();
      await device.tellClock(boot, offsetUs);
      await device.send(uptimes(2, 60e6), { boot });
      const ingest = await startIngest(line);
      await committed(line);
      expect(await times(line)).toEqual([startUs, startUs + 1000]);
      expect(ingest.status().parked.records).toBe(0);
    });

    test('wait on for their catalogue when their clock comes first', async () => {
      const line = await openLine();
      const [known, late] = [
        new TestDevice(line.log),
        new TestDevice(line.log, testCatalogue(['temp'], 'plant1', 'late')),
      ];
      await known.announce();
      const ingest = await startIngest(line);
      await late.send(uptimes(2, 60e6), { boot });
      await committed(line);
      await late.tellClock(boot, offsetUs);
      const wait = `catalogue/plant1/late/${late.hash}`;
      await waitFor('the catalogue is waited for', 5000, () => ingest.parking.waiting()[0] === wait, 2);
      expect(ingest.status().parked).toMatchObject({ readings: 2, unsynced: { readings: 0 } });
      expectBalance(ingest);
      await late.announce();
      await waitFor('the release', 5000, () => ingest.status().parked.records === 0, 2);
      expect(await times(line)).toEqual([startUs, startUs + 1000]);
      expect(ingest.status().stage).toMatchObject({ in: 2, out: 2, inFlight: 0 });
    });

    test('a clock that cannot be right places nothing', async () => {
      const line = await openLine();
      const device = new TestDevice(line.log);
      await device.announce();
      await device.send(uptimes(2, 60e6), { boot });
      const ingest = await startIngest(line);
      await device.tellClock(boot, 1000);
      await device.send(points(1));
      await committed(line);
      expect(await times(line)).toEqual([startUs]);
      expect(ingest.parking.waiting()).toEqual([`clock/${device.key}/${boot}`]);
    });
  });

  test('a full parking holds the offset back, and the partition goes on when there is room', async () => {
    const line = await openLine();
    const [one, other] = ['one', 'two'].map(
      (name) => new TestDevice(line.log, testCatalogue(['temp'], 'plant1', name)),
    );
    const maxBytes = 2 * recordOverheadBytes + 400;
    const ingest = await startIngest(line, { maxBytes });
    for (let pack = 0; pack < 2; pack += 1) await one!.send(points(2, 'temp', startUs + pack * 1e6));
    await committed(line);
    for (let pack = 0; pack < 2; pack += 1) await other!.send(points(2, 'temp', startUs + pack * 1e6));
    await waitFor('refusals', 5000, () => ingest.status().parked.refusals > 3, 2);
    expect(await line.log.lag(ingestGroup, ingestTopics)).toBeGreaterThan(0);
    await one!.announce();
    await other!.announce();
    await committed(line);
    await waitFor('the release', 5000, () => ingest.status().parked.records === 0, 2);
    expect(await stored(line)).toHaveLength(8);
    expect(ingest.status().stage).toMatchObject({ in: 8, out: 8, inFlight: 0 });
  });

  test('a device that has used up its share of the parking goes on to the dead letters, bytes and all', async () => {
    const line = await openLine();
    const device = new TestDevice(line.log);
    const ingest = await startIngest(line, { maxBytesPerDevice: recordOverheadBytes + 300 });
    await device.send(points(2));
    await device.send(points(3, 'temp', startUs + 1e6));
    await committed(line);
    expect(reasons(line)).toEqual(['parking-full']);
    expect(ingest.status().stage).toMatchObject({ in: 5, dropped: 3, inFlight: 2 });
  });
});

test('alerts are stored once, with their numbers', async () => {
  const line = await openLine();
  const device = new TestDevice(line.log);
  await device.announce();
  await device.alert(hot);
  device.nextSeq = 0;
  await device.alert(hot);
  const ingest = await startIngest(line);
  await committed(line);
  expect(await line.store.alerts({ limit: 10 })).toEqual([{ ...hot, site: 'plant1', device: 'press-07' }]);
  expect(await ledgerText(line)).toEqual([`${device.key}/${device.epoch} 0`]);
  expect(await ingest.registry.metrics()).toContain('fieldline_ingest_alerts_total{outcome="stored"} 2');
});

test('two processes of one group share the partitions, each reading is stored once', async () => {
  const line = await openLine();
  const devices = Array.from(
    { length: 12 },
    (_, i) => new TestDevice(line.log, testCatalogue(['temp'], 'plant1', `d${i}`)),
  );
  for (const device of devices) await device.announce();
  const one = await startIngest(line);
  const two = await startIngest({ ...line, parkingPath: await tempDir() });
  for (let pack = 0; pack < 4; pack += 1) {
    for (const device of devices) await device.send(points(5, 'temp', startUs + pack * 1e6));
  }
  await committed(line);
  expect(await stored(line)).toHaveLength(240);
  const outs = [one, two].map((ingest) => ingest.status().stage.out);
  expect(Math.min(...outs)).toBeGreaterThan(0);
  expect(outs[0]! + outs[1]!).toBe(240);
});
