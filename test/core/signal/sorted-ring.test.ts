import fc from 'fast-check';
import { expect, it } from 'vitest';
import { SortedRing } from '../../../core/signal/detectors/sorted-ring.js';

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2;
}

const values = fc.array(fc.oneof(fc.integer({ min: -5, max: 5 }), fc.double({ min: -1e6, max: 1e6, noNaN: true })), {
  minLength: 1,
  maxLength: 60,
});

it('knows the median and the median deviation of its newest numbers', () => {
  fc.assert(
    fc.property(values, fc.integer({ min: 3, max: 15 }), (numbers, capacity) => {
      const ring = new SortedRing(capacity);
      numbers.forEach((number, i) => {
        ring.push(number);
        const newest = numbers.slice(Math.max(0, i + 1 - capacity), i + 1);
        const centre = median(newest);
        expect(ring.size).toBe(newest.length);
        expect(ring.median()).toBeCloseTo(centre, 9);
        expect(ring.medianDeviation(ring.median())).toBeCloseTo(median(newest.map((x) => Math.abs(x - centre))), 6);
      });
    }),
  );
});

it('keeps only its newest numbers when told so', () => {
  const ring = new SortedRing(5);
  for (const number of [1, 2, 3, 4, 5, 60, 70, 80]) ring.push(number);
  ring.keepNewest(3);
  expect([ring.size, ring.median()]).toEqual([3, 70]);
  for (const number of [90, 100, 110]) ring.push(number);
  expect([ring.size, ring.median()]).toEqual([5, 90]);
});

it('has no median while empty', () => {
  expect(new SortedRing(3).median()).toBeNaN();
});
