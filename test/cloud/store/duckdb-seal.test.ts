import { bucketStart, dayUs, hourUs, minuteUs } from '#core/contract/time.js';
import type { Point } from '#core/contract/reading.js';
import { expect, onTestFinished, test } from 'vitest';
import type { Retention, StoredPoint } from '../../../cloud/store/store.js';
import { expectRollupsOf, windowPoint } from '../../contracts/series-store/expected.js';
import { allPoints, allRollups, always, repairAll, TestDevice, write } from '../../contracts/series-store/harness.js';
import { ManualClock } from '../../support/manual-clock.js';
import { rawPoint } from '../../support/packs.js';
import { openDuckDB } from './duckdb-files.js';

const longRollups: Retention = { rawDays: 7, '1mDays': 3000, '1hDays': 3000 };

async function openAged(retention: Retention = longRollups) {
  const clock = new ManualClock();
  const under = await openDuckDB({ clock, retention });
  onTestFinished(() => under.close());
  const device = new TestDevice();
  const noonUs = bucketStart(clock.nowUs(), dayUs) - dayUs / 2;
  const pass = (days: number) => clock.stepWall((days * dayUs) / 1000);
  return { clock, under, device, noonUs, pass };
}

/** Readings around noon: raw ones, a window, and one that feeds only the hour. */
function readingsAt(noonUs: number): Point[] {
  return [
    ...[10, 20, 30].map((i) => rawPoint('temp', noonUs + i, i)),
    windowPoint('temp', noonUs + 2 * minuteUs, minuteUs, [1, 2, 3]),
    windowPoint('temp', noonUs + 10 * minuteUs, 10 * minuteUs, [100, 50]),
  ];
}

test('a reading that comes after its raw neighbours are gone is added to their parts, once', async () => {
  const { clock, under, device, noonUs, pass } = await openAged();
  const points = readingsAt(noonUs);
  await write(under.store, device.pack(points));
  await repairAll(under.store, clock.nowUs());
  pass(9);
  await under.store.prune(clock.nowUs());
  expect(await allPoints(under.store, device.filter)).toEqual([]);
  const late = [
    rawPoint('temp', noonUs + 5, -7),
    rawPoint('temp', noonUs + 25, 99),
    rawPoint('temp', noonUs + hourUs, 3),
    windowPoint('temp', noonUs + 20 * minuteUs, 10 * minuteUs, [-300]),
  ];
  const pack = device.pack(late);
  expect(await write(under.store, pack)).toEqual({ stored: 0, duplicate: 0, expired: 4 });
  await under.reopen();
  expect(await write(under.store, pack)).toMatchObject({ duplicate: 4 });
  await repairAll(under.store, clock.nowUs());
  await expectRollupsOf(under.store, device, [...points, ...late]);
});

test('what was dirty when its raw points came of age is computed before they go', async () => {
  const { clock, under, device, noonUs, pass } = await openAged();
  const points = readingsAt(noonUs);
  await write(under.store, device.pack(points));
  pass(9);
  // Not yet sealed, because the buckets are dirty: the points are stored as usual.
  const more = [rawPoint('temp', noonUs + 15, 5)];
  expect(await write(under.store, device.pack(more))).toMatchObject({ stored: 1 });
  await under.store.prune(clock.nowUs());
  expect(await allPoints(under.store, device.filter)).toEqual([]);
  await expectRollupsOf(under.store, device, [...points, ...more]);
});

test('writes seal by themselves when nothing is dirty, and the seal outlives a crash', async () => {
  const { clock, under, device, noonUs, pass } = await openAged();
  const points = readingsAt(noonUs);
  await write(under.store, device.pack(points));
  await repairAll(under.store, clock.nowUs());
  pass(9);
  const late = [rawPoint('temp', noonUs + 40, 6)];
  expect(await write(under.store, device.pack(late))).toMatchObject({ expired: 1 });
  await under.reopen();
  clock.stepWall(-9 * 86_400_000);
  const later = [rawPoint('temp', noonUs + 50, 8)];
  expect(await write(under.store, device.pack(later))).toMatchObject({ expired: 1 });
  await repairAll(under.store, clock.nowUs());
  await expectRollupsOf(under.store, device, [...points, ...late, ...later]);
});

test('each tier goes with its own retention', async () => {
  const { clock, under, device, noonUs, pass } = await openAged({ rawDays: 2, '1mDays': 4, '1hDays': 8, '1dDays': 16 });
  await write(under.store, device.pack([rawPoint('temp', noonUs, 1)]));
  await repairAll(under.store, clock.nowUs());
  const left = async () => {
    await under.store.prune(clock.nowUs());
    const counts = [(await allPoints(under.store, device.filter)).length];
    for (const tier of ['1m', '1h', '1d'] as const) {
      counts.push((await allRollups(under.store, tier, device.filter)).length);
    }
    return counts;
  };
  const seen = [await left()];
  for (const days of [2, 2, 4, 8]) {
    pass(days);
    seen.push(await left());
  }
  expect(seen).toEqual([
    [1, 1, 1, 1],
    [0, 1, 1, 1],
    [0, 0, 1, 1],
    [0, 0, 0, 1],
    [0, 0, 0, 0],
  ]);
});

test('many rows are deleted in slices, and a far older one is found', async () => {
  const { clock, under, device, noonUs, pass } = await openAged();
  const readings = Array.from({ length: 20_000 }, (_value, i) => rawPoint('temp', noonUs + i * 1_000_000, i));
  for (let i = 0; i < 20_000; i += 5000) await write(under.store, device.pack(readings.slice(i, i + 5000)));
  await repairAll(under.store, clock.nowUs());
  const kept = rawPoint('temp', clock.nowUs() + 9 * dayUs, 5);
  await write(under.store, device.pack([kept]));
  pass(9);
  await under.store.prune(clock.nowUs());
  expect(await allPoints(under.store, device.filter)).toMatchObject([{ timeUs: kept.timeUs }]);
  expect((await allRollups(under.store, '1d', device.filter)).map(({ count }) => count)).toEqual([20_000]);
});

test('prune makes the ledger short again', async () => {
  const { clock, under, device, noonUs } = await openAged();
  for (let i = 0; i < 30; i += 1) {
    const packs = Array.from({ length: 50 }, (_value, j) =>
      // Two devices in turn, and gaps: each write adds rows of its own.
      device.pack([rawPoint('temp', noonUs + i * 50 + j, 1)], { seq: i + j * 30 }),
    );
    await write(under.store, ...packs);
  }
  await under.store.prune(clock.nowUs());
  await under.reopen();
  expect((await under.store.ledger()).get(device.source)?.toString()).toBe('0-1499');
  const again = device.pack([rawPoint('temp', noonUs, 1)], { seq: 777 });
  expect(await write(under.store, again)).toMatchObject({ duplicate: 1 });
});

test('a point that came twice is held once after its bucket was computed', async () => {
  const { clock, under, device, noonUs } = await openAged();
  const points = readingsAt(noonUs);
  await write(under.store, device.pack(points));
  await repairAll(under.store, clock.nowUs());
  const again = device.pack(points.map((point) => ({ ...point, quality: 'uncertain' as const })));
  await write(under.store, again);
  const held = async () => {
    const points: StoredPoint[] = [];
    for await (const page of under.store.points(device.filter, always, 'repeats')) points.push(...page);
    return points;
  };
  expect(await held()).toHaveLength(2 * points.length);
  await repairAll(under.store, clock.nowUs());
  expect((await held()).map(({ quality }) => quality)).toEqual(points.map(() => 'uncertain'));
  await expectRollupsOf(under.store, device, points);
});
