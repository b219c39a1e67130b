import { interpolations } from '#core/contract/catalogue.js';
import { qualities, type Point } from '#core/contract/reading.js';
import { dayUs, hourUs, minuteUs } from '#core/contract/time.js';
import { Swing } from '#core/signal/reducers/swing.js';
import type { SegmentReading } from '#core/signal/segment-value.js';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { defaultRetention, type SeriesStore, type StoredRollup } from '../../../cloud/store/store.js';
import { describeSensor, rawPoint } from '../../support/packs.js';
import { expectedSegments, expectStored, segmentDevice, segmentPoint } from './expected-segments.js';
import { rollupTiers } from './expected.js';
import { allRollups, generousRetention, pastDayUs, repairAll, TestDevice, write, type StoreOpener } from './harness.js';

const secondUs = 1_000_000;
const noonUs = pastDayUs + dayUs / 2;
const hold: SegmentReading = { interpolation: 'hold', maxGapUs: 10 * minuteUs };
const linear: SegmentReading = { interpolation: 'linear', maxGapUs: 10 * minuteUs };

/** Segments of form `segment` are rolled up over the time that they cover, read as the catalogue says. */
export function segmentCases(store: () => SeriesStore, open: StoreOpener, runs: number): void {
  test('a held level fills the minutes between its points', async () => {
    const device = segmentDevice(hold);
    const points = [segmentPoint(noonUs + 30 * secondUs, 5), segmentPoint(noonUs + 4 * minuteUs + 15 * secondUs, 8)];
    await expectSegments(device, hold, [points]);
    const minutes = await allRollups(store(), '1m', device.filter);
    expect(minutes.map(({ weight, count }) => [weight, count])).toEqual([
      [30 * secondUs, 1],
      [minuteUs, 0],
      [minuteUs, 0],
      [minuteUs, 0],
      [15 * secondUs + 1, 1],
    ]);
    const [hour] = await allRollups(store(), '1h', device.filter);
    expect(hour).toMatchObject({ count: 2, min: 5, max: 8, first: 5, last: 8 });
    expect(hour!.sum / hour!.weight).toBeCloseTo(5, 6);
  });

  test('a line has its values at the borders of the minutes', async () => {
    const device = segmentDevice(linear);
    await expectSegments(device, linear, [[segmentPoint(noonUs, 0), segmentPoint(noonUs + 3 * minuteUs, 30)]]);
    expect(await allRollups(store(), '1m', device.filter)).toMatchObject([
      { sum: 5 * minuteUs, weight: minuteUs, min: 0, max: 10, first: 0, last: 10 },
      { sum: 15 * minuteUs, weight: minuteUs, min: 10, max: 20, first: 10, last: 20 },
      { sum: 25 * minuteUs, weight: minuteUs, min: 20, max: 30, first: 20, last: 30 },
      { sum: 30, weight: 1, count: 1, min: 30, max: 30 },
    ]);
  });

  test('over gaps and beside what is not to be trusted nothing is drawn', async () => {
    const points = [
      segmentPoint(noonUs, 1),
      segmentPoint(noonUs + 10 * minuteUs, 2),
      segmentPoint(noonUs + 20 * minuteUs + 1, 3),
      segmentPoint(noonUs + 22 * minuteUs, 99, 'bad'),
      segmentPoint(noonUs + 24 * minuteUs, 4, 'uncertain'),
      segmentPoint(noonUs + 26 * minuteUs, 'off'),
      segmentPoint(noonUs + 28 * minuteUs, true),
    ];
    for (const how of [hold, linear, { ...linear, interpolation: 'none' as const }]) {
      await expectSegments(segmentDevice(how), how, [points]);
    }
  });

  test('lines over the borders of hours and days', async () => {
    const borders = [
      pastDayUs - 2 * minuteUs,
      pastDayUs + 3 * minuteUs,
      pastDayUs + hourUs - 1,
      pastDayUs + hourUs + 5,
    ];
    const far = { ...linear, maxGapUs: 2 * hourUs };
    await expectSegments(segmentDevice(far), far, [borders.map((timeUs, i) => segmentPoint(timeUs, i * i))]);
  });

  test.each(['hold', 'linear'] as const)('a late point bends what lies between its neighbours: %s', async (kind) => {
    const how = { interpolation: kind, maxGapUs: 10 * minuteUs };
    const device = segmentDevice(how);
    const onTime = [0, 9, 25, 26].map((minute, i) => segmentPoint(noonUs + minute * minuteUs + i, i));
    const late = [segmentPoint(noonUs + 4 * minuteUs, 50), segmentPoint(noonUs + 17 * minuteUs, -50)];
    await expectSegments(device, how, [onTime, [late[0]!], [late[1]!]]);
    const before = segmentPoint(noonUs - 8 * minuteUs, 7);
    await write(store(), device.pack([before]));
    await repairAll(store());
    await expectStored(store(), device, how, [...onTime, ...late, before]);
  });

  test('a late point that breaks a line takes back what it gave to whole minutes', async () => {
    const device = segmentDevice(hold);
    const points = [segmentPoint(noonUs, 5), segmentPoint(noonUs + 9 * minuteUs, 6)];
    await expectSegments(device, hold, [points, [segmentPoint(noonUs + 2 * minuteUs, 'off')]]);
    expect(await allRollups(store(), '1m', device.series())).toHaveLength(3);
    const other = segmentDevice(linear);
    const days = [segmentPoint(pastDayUs - minuteUs, 5), segmentPoint(pastDayUs + minuteUs - 1, 6)];
    await expectSegments(other, linear, [
      days,
      [segmentPoint(pastDayUs - 1, 0, 'bad')],
      [segmentPoint(pastDayUs, 'off')],
    ]);
  });

  test('segments are read as their catalogue said, when the reducer was changed since', async () => {
    const device = segmentDevice(linear);
    const points = [0, 5, 10].map((minute) => segmentPoint(noonUs + minute * minuteUs, minute));
    await write(store(), device.pack(points));
    const raw = rawPoint('temp', noonUs + hourUs, 3);
    const changed = new TestDevice({ temp: describeSensor({ maxGapUs: minuteUs }) }, device);
    await write(store(), changed.pack([raw]));
    await repairAll(store());
    const late = segmentPoint(noonUs + 7 * minuteUs, 50);
    await write(store(), device.pack([late]));
    await repairAll(store());
    await expectStored(store(), device, linear, [...points, late, raw]);
  });

  test('a pack of segments that is older than the points is rolled up along its lines, once', async () => {
    const under = await open({ retention: defaultRetention });
    try {
      const device = segmentDevice(linear, 'other');
      const oldUs = noonUs - 10 * dayUs;
      const points = [0, 4, 8, 30, 37, 70].map((minute) =>
        segmentPoint(oldUs + minute * minuteUs + minute, minute % 7),
      );
      const pack = device.pack(points.flatMap((point) => [point, { ...point, sensor: 'other' }]));
      expect(await write(under.store, pack)).toMatchObject({ stored: 0, expired: 12 });
      expect(await write(under.store, pack)).toMatchObject({ duplicate: 12 });
      await under.reopen();
      await write(under.store, pack);
      await repairAll(under.store);
      await expectStored(under.store, device, linear, points);
      expect(await allRollups(under.store, '1d', device.series('other'))).toEqual([]);
    } finally {
      await under.close();
    }
  });

  test('a point that comes again, with another value too, is one', async () => {
    const device = segmentDevice(linear);
    const points = [0, 1, 2].map((i) => segmentPoint(noonUs + i * minuteUs, i));
    const again = segmentPoint(noonUs + minuteUs, 100);
    await expectSegments(device, linear, [points, points, [again]], [points[0]!, again, points[2]!]);
  });

  test('a late reading beside a line weighs a microsecond; half an hour of readings weighs half', async () => {
    const device = segmentDevice(hold);
    const points = [0, 10, 20, 30].map((minute) => segmentPoint(noonUs + minute * minuteUs, 10));
    const late = rawPoint('temp', noonUs + 5 * minuteUs + 1, 40);
    await expectSegments(device, hold, [points, [late]]);
    const hour = async () => (await allRollups(store(), '1h', device.filter))[0]!;
    expect(await hour()).toMatchObject({ count: 5, max: 40, sum: 300 * minuteUs + 50, weight: 30 * minuteUs + 2 });
    const raw = Array.from({ length: 29 }, (_value, i) => rawPoint('temp', noonUs + (31 + i) * minuteUs, 40));
    await write(store(), device.pack(raw));
    await repairAll(store());
    const mean = (await hour()).sum / (await hour()).weight;
    expect(mean).toBeGreaterThan(23);
    expect(mean).toBeLessThan(26);
  });

  test('what a swing reducer leaves is within its tolerance of the readings', async () => {
    const device = segmentDevice(linear, 'raw');
    const tolerance = 0.2;
    const readings = Array.from({ length: 5400 }, (_value, i) =>
      rawPoint('temp', noonUs + 20 * minuteUs + i * secondUs, slowNoise(i)),
    );
    const swing = new Swing({ tolerance, maxGapUs: linear.maxGapUs });
    const points = [...readings.flatMap((reading) => swing.push(reading)), ...swing.flush(Infinity)];
    expect(points.length).toBeLessThan(readings.length / 4);
    const raw = readings.map((reading) => ({ ...reading, sensor: 'raw' }));
    for (let i = 0; i < points.length; i += 100) await write(store(), device.pack(points.slice(i, i + 100)));
    await write(store(), device.pack(raw));
    await repairAll(store());
    const lines = readings.map((reading) => ({ ...reading, form: 'segment' as const }));
    for (const tier of rollupTiers) {
      const reduced = await allRollups(store(), tier, device.series());
      expectNear(reduced, expectedSegments(lines, linear, tier), tolerance * (1 + 1e-9));
      // The mean of readings is not that of the lines between them: half a step at each end.
      expectNear(reduced, await allRollups(store(), tier, device.series('raw')), tolerance + 0.1);
    }
  });

  test('after a crash the next point still joins what was stored before', async () => {
    const under = await open({ retention: generousRetention });
    try {
      const device = segmentDevice(linear);
      const points = [0, 4, 7, 13, 13.5, 30].map((minute, i) => segmentPoint(noonUs + minute * minuteUs, i * i));
      for (const [i, point] of points.entries()) {
        await write(under.store, device.pack([point]));
        if (i % 2 === 0) await repairAll(under.store);
        await under.reopen();
      }
      await write(under.store, device.pack([segmentPoint(noonUs + 9 * minuteUs, -9)]));
      await under.reopen();
      await repairAll(under.store);
      await expectStored(under.store, device, linear, [...points, segmentPoint(noonUs + 9 * minuteUs, -9)]);
    } finally {
      await under.close();
    }
  });

  test('points in any order, packs and mixture are what the pure computation says', async () => {
    await fc.assert(
      fc.asyncProperty(arbitrarySegments, async ({ packs, how }) => {
        const device = segmentDevice(how);
        for (const { points, repair } of packs) {
          await write(store(), device.pack(points));
          if (repair) await repairAll(store());
        }
        await repairAll(store());
        await expectStored(
          store(),
          device,
          how,
          packs.flatMap(({ points }) => points),
        );
      }),
      { numRuns: Math.ceil(runs / 2) },
    );
  });

  async function expectSegments(
    device: TestDevice,
    how: SegmentReading,
    packs: readonly (readonly Point[])[],
    points = packs.flat(),
  ): Promise<void> {
    for (const pack of packs) {
      await write(store(), device.pack(pack));
      await repairAll(store());
    }
    await expectStored(store(), device, how, points);
  }
}

function expectNear(
  rollups: readonly Pick<StoredRollup, 'timeUs' | 'sum' | 'weight' | 'min' | 'max'>[],
  others: typeof rollups,
  tolerance: number,
): void {
  expect(rollups.map(({ timeUs }) => timeUs)).toEqual(others.map(({ timeUs }) => timeUs));
  rollups.forEach((rollup, i) => {
    const other = others[i]!;
    expect(Math.abs(rollup.sum / rollup.weight - other.sum / other.weight)).toBeLessThanOrEqual(tolerance);
    expect(Math.abs(rollup.min - other.min)).toBeLessThanOrEqual(tolerance);
    expect(Math.abs(rollup.max - other.max)).toBeLessThanOrEqual(tolerance);
  });
}

/** Slow waves with a flicker, as of a temperature. */
function slowNoise(i: number): number {
  return 20 + 5 * Math.sin(i / 500) + 0.8 * Math.sin(i / 40) + 0.08 * Math.sin(i * 12.9898);
}

/** Points and readings within an hour and a half, with stamps that are never those of another kind. */
const arbitrarySegments = fc
  .record({
    interpolation: fc.constantFrom(...interpolations),
    maxGapUs: fc.constantFrom(1, 45 * secondUs, 5 * minuteUs, 40 * minuteUs),
    startUs: fc.constantFrom(noonUs, pastDayUs - 50 * minuteUs),
    packs: fc.array(
      fc.record({
        repair: fc.boolean(),
        points: fc.array(
          fc.record({
            at: fc.oneof(
              fc.integer({ min: 0, max: 90 * 60_000 }),
              fc.integer({ min: 0, max: 90 }).map((m) => m * 60_000),
            ),
            value: fc.oneof(
              { weight: 9, arbitrary: fc.double({ min: -1e6, max: 1e6, noNaN: true }) },
              { weight: 1, arbitrary: fc.constantFrom('off', false) },
            ),
            quality: fc.oneof({ weight: 9, arbitrary: fc.constant('good' as const) }, fc.constantFrom(...qualities)),
            isLate: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
          }),
          { minLength: 1, maxLength: 6 },
        ),
      }),
      { minLength: 1, maxLength: 5 },
    ),
  })
  .map(({ packs, startUs, ...how }) => ({
    how,
    packs: packs.map(({ repair, points }) => ({
      repair,
      points: points.map(({ at, value, quality, isLate }): Point =>
        isLate
          ? rawPoint('temp', startUs + at * 1000 + 1, at)
          : // A number and a text of one stamp: stores may keep either.
            { ...segmentPoint(startUs + at * 1000 + (value === 'off' ? 2 : 0), value), quality },
      ),
    })),
  }));
