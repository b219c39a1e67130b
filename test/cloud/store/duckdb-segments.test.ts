import { copyFile } from 'node:fs/promises';
import { DuckDBInstance } from '@duckdb/node-api';
import { bucketStart, dayUs, hourUs, minuteUs } from '#core/contract/time.js';
import type { SegmentReading } from '#core/signal/segment-value.js';
import { Registry } from 'prom-client';
import { expect, onTestFinished, test } from 'vitest';
import type { Retention } from '../../../cloud/store/store.js';
import { allPoints, allRollups, repairAll, write } from '../../contracts/series-store/harness.js';
import { expectStored, segmentDevice, segmentPoint } from '../../contracts/series-store/expected-segments.js';
import { ManualClock } from '../../support/manual-clock.js';
import { rawPoint } from '../../support/packs.js';
import { openDuckDB } from './duckdb-files.js';

const longRollups: Retention = { rawDays: 7, '1mDays': 3000, '1hDays': 3000 };
const linear: SegmentReading = { interpolation: 'linear', maxGapUs: 10 * minuteUs };

async function openAged(registry?: Registry) {
  const clock = new ManualClock();
  const under = await openDuckDB({ clock, retention: longRollups, ...(registry && { registry }) });
  onTestFinished(() => under.close());
  const pass = (days: number) => clock.stepWall((days * dayUs) / 1000);
  const settle = () => repairAll(under.store, clock.nowUs() + dayUs);
  return { clock, under, pass, settle, device: segmentDevice(linear) };
}

/** What bounds a test of exact minutes: their mean and their covered share. */
async function minutesOf({ under, device }: Awaited<ReturnType<typeof openAged>>) {
  const minutes = await allRollups(under.store, '1m', device.series());
  return minutes.map(({ timeUs, sum, weight }) => ({ timeUs, mean: sum / weight, share: weight / minuteUs }));
}

test('a line over the seal is still whole when what lies behind it is computed again', async () => {
  const aged = await openAged();
  const { clock, under, device, pass, settle } = aged;
  const midnightUs = bucketStart(clock.nowUs(), dayUs);
  const points = [-15, -8, -5, 4, 12].map((minute) => segmentPoint(midnightUs + minute * minuteUs, 100 + minute));
  await write(under.store, device.pack(points));
  await settle();
  pass(7);
  await under.store.prune(clock.nowUs());
  expect((await allPoints(under.store, device.filter)).map(({ timeUs }) => (timeUs - midnightUs) / minuteUs)).toEqual([
    -8, -5, 4, 12,
  ]);
  await under.reopen();
  const late = segmentPoint(midnightUs + 6 * minuteUs, 106);
  expect(await write(under.store, device.pack([late]))).toMatchObject({ stored: 1 });
  await settle();
  await expectStored(under.store, device, linear, [...points, late]);
});

test('sealed minutes are never made dirty', async () => {
  const registry = new Registry();
  const { clock, under, device, pass, settle } = await openAged(registry);
  const midnightUs = bucketStart(clock.nowUs(), dayUs);
  await write(under.store, device.pack([segmentPoint(midnightUs - 5 * minuteUs, 1)]));
  await settle();
  pass(7);
  await under.store.prune(clock.nowUs());
  await write(under.store, device.pack([segmentPoint(midnightUs + 90_000_000, 2)]));
  const dirty = await registry.getSingleMetric('fieldline_store_dirty_buckets')!.get();
  expect(dirty.values.map(({ value }) => value)).toEqual([2, 0, 0]);
});

test('a backlog that is older than the points is rolled up along its lines, once', async () => {
  const aged = await openAged();
  const { clock, under, device, settle } = aged;
  const oldUs = bucketStart(clock.nowUs(), dayUs) - 20 * dayUs + 23 * hourUs;
  const points = Array.from({ length: 30 }, (_value, i) => segmentPoint(oldUs + i * 4 * minuteUs + i, i % 7));
  const packs = [points.slice(0, 11), points.slice(11, 12), points.slice(12)].map((part) => device.pack(part));
  for (const pack of packs) expect(await write(under.store, pack)).toMatchObject({ stored: 0 });
  expect(await write(under.store, ...packs)).toMatchObject({ duplicate: 30, expired: 0 });
  await settle();
  expect(await allPoints(under.store, device.filter)).toEqual([]);
  await expectStored(under.store, device, linear, points);
});

test('what comes late for a sealed minute never covers more than the minute', async () => {
  const aged = await openAged();
  const { clock, under, device, pass, settle } = aged;
  const noonUs = bucketStart(clock.nowUs(), dayUs) - dayUs / 2;
  await write(under.store, device.pack([segmentPoint(noonUs, 10), segmentPoint(noonUs + 90_000_000, 10)]));
  await settle();
  pass(9);
  await under.store.prune(clock.nowUs());
  const late = [segmentPoint(noonUs + 30_000_000, 40), segmentPoint(noonUs + 2 * minuteUs - 1, 40)];
  expect(await write(under.store, device.pack([...late, rawPoint('temp', noonUs + 5, 1000)]))).toMatchObject({
    expired: 3,
  });
  await settle();
  const [first, second] = await minutesOf(aged);
  expect(first).toMatchObject({ mean: 10, share: 1 });
  expect(second!.share).toBe(1);
  expect(second!.mean).toBeCloseTo(25, 5);
  const [hour] = await allRollups(under.store, '1h', device.series());
  expect(hour).toMatchObject({ count: 5, max: 1000, weight: 2 * minuteUs + 1 });
});

test('a new reading of the catalogue holds for what is computed from then on, and outlives a crash', async () => {
  const { clock, under, device, settle } = await openAged();
  const noonUs = bucketStart(clock.nowUs(), dayUs) - dayUs / 2;
  const points = [segmentPoint(noonUs, 0), segmentPoint(noonUs + minuteUs, 10)];
  await write(under.store, device.pack(points));
  await settle();
  const hold: SegmentReading = { interpolation: 'hold', maxGapUs: hourUs };
  Object.assign(device.catalogue.sensors.temp!, hold);
  await write(under.store, device.pack([]));
  await under.reopen();
  const later = [segmentPoint(noonUs + 3 * minuteUs, 20)];
  await write(under.store, device.pack(later));
  await write(under.store, device.pack([segmentPoint(noonUs - 1, 5)]));
  await settle();
  await expectStored(under.store, device, hold, [segmentPoint(noonUs - 1, 5), ...points, ...later]);
});

test('a store of the second format learns to roll segments up', async () => {
  const { clock, under, device, settle } = await openAged();
  const noonUs = bucketStart(clock.nowUs(), dayUs) - dayUs / 2;
  const points = [segmentPoint(noonUs, 0), segmentPoint(noonUs + minuteUs, 10)];
  await write(under.store, device.pack([points[0]!, rawPoint('temp', noonUs + 10 * hourUs, 4)]));
  await settle();
  await under.store.stop(5000);
  const old = `${under.file}.old`;
  await copyFile(under.file, old);
  await runSql(
    old,
    `DROP TABLE segment_1m; DROP TABLE segment_1h; DROP TABLE segment_1d; DELETE FROM dirty;
    ALTER TABLE series DROP COLUMN interpolation; ALTER TABLE series DROP COLUMN max_gap_us;
    UPDATE state SET number = 2 WHERE name = 'format'`,
  );
  await copyFile(old, under.file);
  const store = await under.reopen();
  expect(await allRollups(store, '1d', device.series())).toMatchObject([{ count: 1, sum: 4, weight: 1 }]);
  await write(store, device.pack([points[1]!]));
  await settle();
  await expectStored(store, device, linear, [...points, rawPoint('temp', noonUs + 10 * hourUs, 4)]);
});

async function runSql(file: string, sql: string): Promise<void> {
  const instance = await DuckDBInstance.create(file);
  const connection = await instance.connect();
  await connection.run(sql);
  connection.disconnectSync();
  instance.closeSync();
}
