import type { Point } from '#core/contract/reading.js';
import { dayUs, minuteUs } from '#core/contract/time.js';
import { expect, test } from 'vitest';
import type { SeriesStore } from '../../../cloud/store/store.js';
import { rawPoint } from '../../support/packs.js';
import { expectRollupsOf, windowPoint } from './expected.js';
import { pastDayUs, repairAll, TestDevice, write } from './harness.js';

/** What comes late repairs 1m, 1h and 1d. */
export function lateCases(store: () => SeriesStore): void {
  test.each([
    ['a minute', minuteUs],
    ['a day', dayUs],
    ['three months', 91 * dayUs],
  ])('%s late', async (_name, latenessUs) => {
    const device = new TestDevice();
    const noonUs = pastDayUs + dayUs / 2;
    const onTime = [0, 10, 20].map((i) => rawPoint('temp', noonUs + i, i));
    // The late bucket exists already, so that it is the repair of a stored one.
    const early = [5, 15].map((i) => rawPoint('temp', noonUs - latenessUs + i, i));
    await write(store(), device.pack(early), device.pack(onTime));
    await repairAll(store());
    const late: Point[] = [
      rawPoint('temp', noonUs - latenessUs + 2, -100),
      rawPoint('temp', noonUs - latenessUs + 30, 100),
      windowPoint('temp', noonUs - latenessUs + 2 * minuteUs, minuteUs, [1, 2, 3]),
    ];
    await write(store(), device.pack(late));
    await repairAll(store());
    await expectRollupsOf(store(), device, [...early, ...onTime, ...late]);
  });

  test('a late pack that comes again changes no count', async () => {
    const device = new TestDevice();
    const points = [1, 2, 3].map((i) => rawPoint('temp', pastDayUs + i, i));
    const pack = device.pack(points);
    await write(store(), pack);
    await repairAll(store());
    await write(store(), pack);
    await write(store(), new TestDevice(['temp'], device).pack(points));
    await repairAll(store());
    await expectRollupsOf(store(), device, points);
  });

  test('a repaired store has nothing to repair', async () => {
    const device = new TestDevice();
    await write(store(), device.pack([rawPoint('temp', pastDayUs, 1)]));
    await repairAll(store());
    const { repaired } = await store().repairRollups(pastDayUs + dayUs);
    expect(repaired).toEqual({ '1m': 0, '1h': 0, '1d': 0 });
  });

  test('readings may come while the buckets are repaired', async () => {
    const device = new TestDevice();
    const points: Point[] = [];
    for (let i = 0; i < 20; i += 1) {
      const batch = [0, 1, 2].map((j) => rawPoint('temp', pastDayUs + ((i * 7 + j * 13) % 40) * minuteUs + i, i + j));
      points.push(...batch);
      await Promise.all([write(store(), device.pack(batch)), store().repairRollups(pastDayUs + dayUs)]);
    }
    await repairAll(store());
    await expectRollupsOf(store(), device, points);
  });
}
