import type { Point } from '#core/contract/reading.js';
import { dayUs, hourUs, minuteUs } from '#core/contract/time.js';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { SeriesStore } from '../../../cloud/store/store.js';
import { rawPoint } from '../../support/packs.js';
import {
  expectedRollups,
  expectRollupsOf,
  expectSameRollups,
  rollupTiers,
  tierWidthUs,
  windowPoint,
} from './expected.js';
import { allRollups, pastDayUs, repairAll, TestDevice, write } from './harness.js';

const secondUs = 1_000_000;

/** Rollups are the sum-able parts of what is stored, each reading counted once. */
export function rollupCases(store: () => SeriesStore, runs: number): void {
  test('the parts of a bucket', async () => {
    const device = new TestDevice();
    const values = [3, -1, 7, 2];
    await store().write({ packs: [device.pack(values.map((v, i) => rawPoint('temp', pastDayUs + i, v)))], alerts: [] });
    await repairAll(store());
    const parts = { sum: 11, weight: 4, count: 4, min: -1, max: 7, first: 3, last: 2 };
    for (const tier of rollupTiers) {
      expect(await allRollups(store(), tier, device.filter)).toEqual([
        { ...device.series(), timeUs: pastDayUs, ...parts },
      ]);
    }
  });

  test('a point on the border of a bucket belongs to the later one', async () => {
    const device = new TestDevice();
    const stamps = [-1, 0, minuteUs - 1, minuteUs, hourUs - 1, hourUs, dayUs - 1].map((offset) => pastDayUs + offset);
    await expectAsPoints(
      device,
      stamps.map((timeUs, i) => rawPoint('temp', timeUs, i)),
    );
  });

  test('buckets before 1970 are aligned downwards as well', async () => {
    const device = new TestDevice();
    await expectAsPoints(
      device,
      [-1, -minuteUs, -minuteUs - 1, -hourUs - 1, 0].map((t) => rawPoint('temp', t, t)),
    );
  });

  test('text and context are never counted, booleans are, and of any quality', async () => {
    const device = new TestDevice(['temp', 'door', 'state']);
    const points: Point[] = [
      rawPoint('state', pastDayUs, 'open'),
      { ...rawPoint('temp', pastDayUs, 50), form: 'context' },
      { ...rawPoint('temp', pastDayUs + 1, 20), quality: 'bad' },
      rawPoint('temp', pastDayUs + 2, 'calibrating'),
      rawPoint('door', pastDayUs, true),
      rawPoint('door', pastDayUs + 1, false),
    ];
    await expectAsPoints(device, points, ['temp', 'door', 'state']);
    expect(await allRollups(store(), '1m', device.series('state'))).toEqual([]);
    expect(await allRollups(store(), '1d', device.series('door'))).toMatchObject([
      { count: 2, sum: 1, first: 1, last: 0 },
    ]);
  });

  test('raw readings and windows of other times share a bucket', async () => {
    const device = new TestDevice();
    await expectAsPoints(device, [
      rawPoint('temp', pastDayUs + secondUs, 4),
      windowPoint('temp', pastDayUs + 10 * secondUs, 10 * secondUs, [1, 9, 5]),
      rawPoint('temp', pastDayUs + 25 * secondUs, -2),
      windowPoint('temp', pastDayUs + 30 * secondUs, 30 * secondUs, [2.5, 3.5]),
    ]);
  });

  test('a window wider than a bucket feeds only the tiers above', async () => {
    const device = new TestDevice();
    const points = [
      windowPoint('temp', pastDayUs + 5 * minuteUs, 5 * minuteUs, [1, 2, 3]),
      windowPoint('temp', pastDayUs + hourUs, hourUs, [10, 20]),
      windowPoint('temp', pastDayUs + 2 * hourUs, minuteUs, [7]),
      rawPoint('temp', pastDayUs + 2 * minuteUs, 50),
    ];
    await expectAsPoints(device, points);
    const counts = async (tier: '1m' | '1h') =>
      (await allRollups(store(), tier, device.filter)).map(({ count }) => count);
    expect(await counts('1m')).toEqual([1, 1]);
    expect(await counts('1h')).toEqual([4, 2, 1]);
  });

  test('an open minute waits, an open hour and day do not', async () => {
    const device = new TestDevice();
    const point = rawPoint('temp', pastDayUs + 10 * secondUs, 4);
    await write(store(), device.pack([point]));
    await repairAll(store(), pastDayUs + 30 * secondUs);
    const { remaining } = await store().repairRollups(pastDayUs + 30 * secondUs);
    expect(remaining).toBeGreaterThanOrEqual(1);
    expect(await allRollups(store(), '1m', device.filter)).toEqual([]);
    await repairAll(store(), pastDayUs + minuteUs + 1);
    await expectRollupsOf(store(), device, [point]);
  });

  test('readings whose sum overflows stop neither their own bucket nor another', async () => {
    const device = new TestDevice(['huge', 'temp']);
    const huge = [0, 1, 2].map((i) => rawPoint('huge', pastDayUs + i, i === 2 ? -Number.MAX_VALUE : Number.MAX_VALUE));
    await expectAsPoints(device, [...huge, rawPoint('temp', pastDayUs, 1)], ['huge', 'temp']);
  });

  test('rollups over windows equal the rollups over their readings, in any mixture and order', async () => {
    await fc.assert(
      fc.asyncProperty(arbitraryStreams, async ({ packs, readings }) => {
        const device = new TestDevice();
        for (const points of packs) await write(store(), device.pack(points));
        await repairAll(store());
        for (const tier of rollupTiers) {
          const stored = await allRollups(store(), tier, device.filter);
          expectSameRollups(stored, expectedRollups(readings, tierWidthUs[tier]));
        }
      }),
      { numRuns: runs },
    );
  });

  async function expectAsPoints(device: TestDevice, points: readonly Point[], sensors = ['temp']): Promise<void> {
    await write(store(), device.pack(points));
    await repairAll(store());
    for (const sensor of sensors) await expectRollupsOf(store(), device, points, sensor);
  }
}

interface Stream {
  /** The readings as they are sent: some runs of them as windows. */
  readonly packs: readonly Point[][];
  /** The readings themselves. */
  readonly readings: readonly Point[];
}

/** Some ten-second slots over three hours, each sent as raw readings or as one window, in shuffled packs. */
const arbitraryStreams: fc.Arbitrary<Stream> = fc
  .uniqueArray(
    fc.record({
      slot: fc.integer({ min: 0, max: 1080 }),
      asWindow: fc.boolean(),
      values: fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 6 }),
      pack: fc.integer({ min: 0, max: 3 }),
    }),
    { selector: ({ slot }) => slot, minLength: 1, maxLength: 20 },
  )
  .map((slots) => {
    const packs: Point[][] = [[], [], [], []];
    const readings: Point[] = [];
    for (const { slot, asWindow, values, pack } of slots) {
      const startUs = pastDayUs + slot * 10 * secondUs;
      const raw = values.map((value, i) => rawPoint('temp', startUs + i * secondUs, value));
      readings.push(...raw);
      packs[pack]!.push(...(asWindow ? [windowPoint('temp', startUs, 10 * secondUs, values)] : raw));
    }
    return { packs, readings };
  });
