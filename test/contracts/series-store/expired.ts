import { bucketStart, dayUs } from '#core/contract/time.js';
import { systemClock } from '#core/runtime/clock.js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { defaultRetention, type SeriesStore } from '../../../cloud/store/store.js';
import { rawPoint } from '../../support/packs.js';
import { expectedRollups, expectSameRollups, rollupTiers, tierWidthUs, windowPoint } from './expected.js';
import {
  allPoints,
  allRollups,
  repairAll,
  TestDevice,
  write,
  type StoreOpener,
  type StoreUnderTest,
} from './harness.js';

const minuteUs = tierWidthUs['1m'];

/** Raw 7 days, 1m 30 days, 1h 365 days: what is older goes into the rollups of the tiers that are kept, once. */
export function expiredCases(open: StoreOpener): void {
  let under: StoreUnderTest;
  const store = (): SeriesStore => under.store;
  beforeAll(async () => {
    under = await open({ retention: defaultRetention });
  });
  afterAll(async () => {
    await under.close();
  });

  test.each([
    [10, ['1m', '1h', '1d']],
    [60, ['1h', '1d']],
    [800, ['1d']],
  ])('%i days old: into %s, and not into the raw points', async (days, kept) => {
    const device = new TestDevice();
    const oldUs = noonBefore(days);
    const points = [rawPoint('temp', oldUs + 5, 5), windowPoint('temp', oldUs + minuteUs, minuteUs, [1, 2, 3])];
    expect(await write(store(), device.pack([points[0]!]))).toEqual({ stored: 0, duplicate: 0, expired: 1 });
    await write(store(), device.pack([points[1]!]));
    await repairAll(store());
    expect(await allPoints(store(), device.filter)).toEqual([]);
    for (const tier of rollupTiers) {
      const expected = kept.includes(tier) ? expectedRollups(points, tierWidthUs[tier]) : [];
      expectSameRollups(await allRollups(store(), tier, device.filter), expected);
    }
  });

  test('are added once: a repeat, a crash and a later reading of the bucket change nothing else', async () => {
    const device = new TestDevice();
    const oldUs = noonBefore(10);
    const points = [7, 3, 9].map((value, i) => rawPoint('temp', oldUs + i * 1000, value));
    const pack = device.pack([points[1]!]);
    expect(await write(store(), pack)).toMatchObject({ expired: 1 });
    expect(await write(store(), pack)).toEqual({ stored: 0, duplicate: 1, expired: 0 });
    await under.reopen();
    expect(await write(store(), pack)).toMatchObject({ duplicate: 1 });
    await repairAll(store());
    expect(await write(store(), device.pack([points[2]!, points[0]!]))).toMatchObject({ expired: 2 });
    await repairAll(store());
    for (const tier of rollupTiers) {
      const stored = await allRollups(store(), tier, device.filter);
      expectSameRollups(stored, expectedRollups(points, tierWidthUs[tier]));
    }
  });

  test('old and new readings share a pack', async () => {
    const device = new TestDevice();
    const recentUs = noonBefore(1);
    const pack = device.pack([rawPoint('temp', noonBefore(10), 1), rawPoint('temp', recentUs, 2)]);
    expect(await write(store(), pack)).toEqual({ stored: 1, duplicate: 0, expired: 1 });
    expect(await allPoints(store(), device.filter)).toMatchObject([{ timeUs: recentUs }]);
  });

  test('prune leaves what is within its retention', async () => {
    const device = new TestDevice();
    const points = [1, 3, 5].map((days) => rawPoint('temp', noonBefore(days), days));
    await write(store(), device.pack(points));
    await repairAll(store());
    await store().prune(systemClock.nowUs());
    expect(await allPoints(store(), device.filter)).toHaveLength(3);
    for (const tier of rollupTiers) expect(await allRollups(store(), tier, device.filter)).toHaveLength(3);
  });
}

function noonBefore(days: number): number {
  return bucketStart(systemClock.nowUs(), dayUs) - days * dayUs + dayUs / 2;
}
