import { dayUs, hourUs } from '#core/contract/time.js';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Seal } from '../../../../cloud/store/influx/seal.js';
import { rollupTiers } from '../../../../cloud/store/influx/tiers.js';

const kept = { raw: 7 * dayUs, '1m': 30 * dayUs, '1h': 365 * dayUs, '1d': Infinity };
const [minutes, hours, days] = rollupTiers;

function sealAt(nowUs: number): Seal {
  const seal = new Seal(kept);
  seal.move(nowUs);
  return seal;
}

test('stands on the border of an hour, more than an hour inside the retention', () => {
  fc.assert(
    fc.property(fc.integer({ min: 8 * dayUs, max: 2 ** 50 }), (nowUs) => {
      const { beforeUs } = sealAt(nowUs);
      expect(beforeUs % hourUs).toBe(0);
      expect(beforeUs - (nowUs - kept.raw)).toBeGreaterThanOrEqual(hourUs);
      expect(beforeUs - (nowUs - kept.raw)).toBeLessThan(2 * hourUs);
    }),
  );
});

test('never moves back, neither with the clock nor over a restart', () => {
  const seal = sealAt(100 * dayUs);
  const stood = seal.beforeUs;
  seal.move(50 * dayUs);
  expect(seal.beforeUs).toBe(stood);
  const restarted = new Seal({ ...kept, raw: 30 * dayUs });
  restarted.restore(stood);
  restarted.move(100 * dayUs);
  expect(restarted.beforeUs).toBe(stood);
});

test('minutes and hours before it are sealed, days only when their hours go', () => {
  const nowUs = 1000 * dayUs;
  const seal = sealAt(nowUs);
  for (const tier of [minutes, hours]) {
    expect(seal.isSealed(tier, seal.beforeUs - tier.widthUs, nowUs)).toBe(true);
    expect(seal.isSealed(tier, seal.beforeUs, nowUs)).toBe(false);
  }
  expect(seal.isSealed(days, nowUs - 364 * dayUs, nowUs)).toBe(false);
  expect(seal.isSealed(days, nowUs - 365 * dayUs, nowUs)).toBe(true);
});

test('a window wider than an hour goes with its day', () => {
  const seal = sealAt(1000 * dayUs + 5 * hourUs);
  expect(seal.isExpired(seal.beforeUs, hourUs)).toBe(false);
  expect(seal.isExpired(seal.beforeUs, hourUs + 1)).toBe(true);
});
