import { bucketStart, dayUs, hourUs, minuteUs } from '#core/contract/time.js';
import { systemClock } from '#core/runtime/clock.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectRollupsOf, storedPoint } from '../../contracts/series-store/expected.js';
import {
  allPoints,
  generousRetention,
  pastDayUs,
  repairAll,
  TestDevice,
  write,
} from '../../contracts/series-store/harness.js';
import { haveServers } from '../../servers/ensure.js';
import { startInfluxd, type Influxdb } from '../../servers/influxdb.js';
import { describeSensor, rawPoint } from '../../support/packs.js';
import { influxStoreOn, ownBuckets, ShiftedClock } from './influx-fixture.js';
import { InfluxProbe } from './influx-probe.js';

const retention = generousRetention;

describe.skipIf(!(await haveServers('influxdb')))('what the store keeps in InfluxDB', () => {
  let influxdb: Influxdb;
  let probe: InfluxProbe;
  beforeAll(async () => {
    influxdb = await startInfluxd();
    probe = new InfluxProbe(influxdb);
  });
  afterAll(() => influxdb?.stop());

  describe('labels', () => {
    const labelled = (labels: Record<string, string>, twin?: TestDevice, quantity = 'temperature') =>
      new TestDevice({ temp: describeSensor({ labels, quantity }) }, twin);

    test('new labels take effect with the next UTC day, for every point by its own stamp', async () => {
      const buckets = ownBuckets();
      const clock = new ShiftedClock(pastDayUs + 12 * hourUs - systemClock.nowUs());
      const store = influxStoreOn(influxdb, { retention, buckets, clock });
      await store.start();
      const device = labelled({ floor: '3', room: 'a b', color: 'red' });
      const moved = labelled({ floor: '4' }, device, 'temperature_outside');
      const noonUs = pastDayUs + 12 * hourUs;
      const stamps = [noonUs, noonUs + hourUs, noonUs + 12 * hourUs - 1, noonUs + 12 * hourUs, noonUs + 13 * hourUs];
      const points = stamps.map((timeUs, i) => rawPoint('temp', timeUs, i));
      await write(store, device.pack([points[0]!]));
      await write(store, moved.pack([points[1]!]));
      clock.shiftUs += dayUs;
      await write(store, moved.pack([points[4]!]));
      // A backlog from before the move, of both days, and a repeat of the first point under the new labels.
      await write(store, device.pack([points[2]!, points[3]!]), moved.pack([points[0]!]));
      await repairAll(store);
      const before = { _measurement: 'temperature', floor: '3', room: 'a b' };
      const after = { _measurement: 'temperature_outside', floor: '4' };
      const tags = (rows: Record<string, unknown>[]) =>
        rows.map(({ _time, _measurement, floor, room }) => ({ _time, _measurement, floor, room }));
      const at = (timeUs: number) => new Date(Math.floor(timeUs / 1000)).toISOString().slice(0, 10);
      for (const bucket of [buckets.realtime, buckets['1m'], buckets['1h'], buckets['1d']]) {
        for (const row of tags(await probe.everything(bucket))) {
          expect(row).toMatchObject(String(row._time).startsWith(at(noonUs)) ? before : after);
        }
      }
      expect(await probe.everything(buckets['1d'])).toHaveLength(2);
      expect(await allPoints(store, device.filter)).toEqual(points.map((point) => storedPoint(device, point)));
      await expectRollupsOf(store, device, points);
      await store.stop(1000);
    });

    test('a change outlives a restart, and a backlog under old labels does not take it back', async () => {
      const buckets = ownBuckets();
      const clock = new ShiftedClock(pastDayUs + hourUs - systemClock.nowUs());
      const options = { retention, buckets, clock };
      const first = influxStoreOn(influxdb, options);
      await first.start();
      const device = labelled({ floor: '3' });
      const moved = labelled({ floor: '4' }, device);
      await write(first, device.pack([rawPoint('temp', pastDayUs, 0)]));
      await write(first, moved.pack([rawPoint('temp', pastDayUs + 10, 1)]));
      const second = influxStoreOn(influxdb, options);
      await second.start();
      await write(second, device.pack([rawPoint('temp', pastDayUs + 5, 2)]));
      await write(second, moved.pack([rawPoint('temp', pastDayUs + dayUs, 3)]));
      await write(second, device.pack([rawPoint('temp', pastDayUs + 6, 4)]));
      await write(second, moved.pack([rawPoint('temp', pastDayUs + dayUs + 1, 5)]));
      const floors = (await probe.everything(buckets.realtime)).map(({ _time, floor }) => [
        String(_time).slice(0, 10),
        floor,
      ]);
      const day = (timeUs: number) => new Date(timeUs / 1000).toISOString().slice(0, 10);
      const [today, tomorrow] = [day(pastDayUs), day(pastDayUs + dayUs)];
      expect(floors).toEqual([...Array(4).fill([today, '3']), ...Array(2).fill([tomorrow, '4'])]);
      await Promise.all([first.stop(1000), second.stop(1000)]);
    });
  });

  test('text in a filter is never code', async () => {
    const store = influxStoreOn(influxdb, { retention, buckets: ownBuckets() });
    await store.start();
    const device = new TestDevice();
    await write(store, device.pack([rawPoint('temp', pastDayUs, 1)]));
    for (const site of ['" or true or r.site == "', '${"x"}', 'a\\" or true //', 'x\n) |> drop(', '\u0000']) {
      expect(await allPoints(store, { site })).toEqual([]);
      expect((await store.ledger({ site })).size).toBe(0);
      expect(await store.alerts({ site, limit: 1 })).toEqual([]);
    }
    await store.stop(1000);
  });

  test('two writers keep one ledger together, and each repairs what it stored', async () => {
    const buckets = ownBuckets();
    const open = async (writer: string) => {
      const store = influxStoreOn(influxdb, { retention, buckets, writer });
      await store.start();
      return store;
    };
    const [one, other] = [await open('ingest-0'), await open('ingest-1')];
    const device = new TestDevice();
    const points = Array.from({ length: 6 }, (_none, i) => rawPoint('temp', pastDayUs + i * minuteUs, i));
    for (const [i, point] of points.entries()) await write(i % 2 === 0 ? one : other, device.pack([point]));
    expect((await one.ledger()).get(device.source)?.toString()).toBe('0-5');
    const restarted = await open('ingest-1');
    expect(await write(restarted, device.pack(points, { seq: 2 }))).toMatchObject({ duplicate: 6 });
    await repairAll(one);
    await repairAll(restarted);
    await expectRollupsOf(one, device, points);
    await Promise.all([one, other, restarted].map((store) => store.stop(1000)));
  });

  test('a ledger with very many gaps is kept in parts', async () => {
    const buckets = ownBuckets();
    const store = influxStoreOn(influxdb, { retention, buckets });
    await store.start();
    const device = new TestDevice();
    const dropped = { reason: 'over-budget', count: 1 };
    const tombstones = Array.from({ length: 30_000 }, (_none, i) => device.pack([], { seq: 2 * i, dropped }));
    await write(store, ...tombstones);
    const again = influxStoreOn(influxdb, { retention, buckets });
    await again.start();
    const ledger = (await again.ledger()).get(device.source)!;
    expect([ledger.size, ledger.highest]).toEqual([30_000, 59_998]);
    expect(await write(again, device.pack([rawPoint('temp', pastDayUs, 1)], { seq: 59_998 }))).toMatchObject({
      duplicate: 1,
    });
    await Promise.all([store.stop(1000), again.stop(1000)]);
  });

  test('buckets that no run of a task will compute any more are found and computed', async () => {
    const buckets = ownBuckets();
    const clock = new ShiftedClock(-2 * hourUs);
    const store = influxStoreOn(influxdb, { retention, buckets, clock });
    await store.start();
    const device = new TestDevice();
    const openUs = bucketStart(clock.nowUs(), minuteUs);
    await write(store, device.pack([rawPoint('temp', openUs - 90_000_000, 1)]));
    await repairAll(store, openUs + minuteUs);
    // On time by this clock, so the tasks are trusted with it; by InfluxDB's clock they have long passed it.
    const point = rawPoint('temp', openUs + minuteUs, 2);
    await write(store, device.pack([point]));
    await store.stop(1000);
    const later = influxStoreOn(influxdb, { retention, buckets });
    await later.start();
    expect((await probe.everything(buckets['1m'])).length).toBe(1);
    await repairAll(later);
    await expectRollupsOf(later, device, [rawPoint('temp', openUs - 90_000_000, 1), point]);
    await later.stop(1000);
  });

  test('marks of computed buckets do not pile up, and none is lost with them', async () => {
    const buckets = ownBuckets();
    const store = influxStoreOn(influxdb, { retention, buckets, tasks: false });
    await store.start();
    const sensors = Array.from({ length: 1800 }, (_none, i) => `s${i}`);
    const device = new TestDevice(sensors);
    for (let round = 0; round < 2; round += 1) {
      await write(
        store,
        device.pack(sensors.map((sensor) => rawPoint(sensor, pastDayUs + (round * dayUs) / 4, round))),
      );
      await repairAll(store);
    }
    const rows = await probe.query(`from(bucket: "${buckets.state}") |> range(start: 2000-01-01T00:00:00Z)
      |> filter(fn: (r) => r._measurement == "dirty" and r._field == "low") |> group() |> count()`);
    expect(Number(rows[0]?._value ?? 0)).toBeLessThan(5000);
    await write(store, device.pack([rawPoint('s7', pastDayUs + 1, 5)]));
    const again = influxStoreOn(influxdb, { retention, buckets, tasks: false });
    await again.start();
    expect((await again.repairRollups(systemClock.nowUs())).repaired).toEqual({ '1m': 1, '1h': 1, '1d': 1 });
    await Promise.all([store.stop(1000), again.stop(1000)]);
  });
});
