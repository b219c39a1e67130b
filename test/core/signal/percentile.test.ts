import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Percentile } from '../../../core/signal/reducers/percentile.js';
import { noise } from './series.js';

/** By nearest rank, from all numbers. */
function exact(values: readonly number[], fraction: number): number {
  return [...values].sort((a, b) => a - b)[Math.ceil(fraction * values.length) - 1] ?? NaN;
}

function taken(percentile: Percentile, values: readonly number[]): number {
  for (const value of values) percentile.push(value);
  return percentile.take();
}

it('is exact for as many numbers as are kept, window after window', () => {
  const windows = fc.array(fc.array(fc.double({ noNaN: true }), { maxLength: 200 }), { maxLength: 4 });
  fc.assert(
    fc.property(windows, fc.constantFrom(0.5, 0.95, 0.99), (each, fraction) => {
      const percentile = new Percentile(fraction, 200);
      for (const values of each) expect(taken(percentile, values)).toEqual(exact(values, fraction));
    }),
  );
});

it('is a close estimate beyond them, in bounded memory, and exact again afterwards', () => {
  const percentile = new Percentile(0.95, 1000);
  const shapes = {
    normal: noise(50_000, 20, 3),
    rising: Array.from({ length: 50_000 }, (_, i) => i / 1000),
    skewed: noise(50_000, 0, 1).map((value) => Math.exp(value)),
    flat: Array<number>(50_000).fill(7),
  };
  for (const [shape, values] of Object.entries(shapes)) {
    const rank = [...values].sort((a, b) => a - b);
    const estimate = taken(percentile, values);
    // Within half a percent of the ranks of the true one.
    expect(estimate, shape).toBeGreaterThanOrEqual(rank[Math.floor(0.945 * values.length)]!);
    expect(estimate, shape).toBeLessThanOrEqual(rank[Math.ceil(0.955 * values.length)]!);
  }
  expect(taken(percentile, [3, 1, 2])).toBe(3);
});

it('refuses what is no percentile', () => {
  for (const fraction of [0, 1, NaN]) expect(() => new Percentile(fraction)).toThrow(RangeError);
  expect(() => new Percentile(0.5, 4)).toThrow(RangeError);
});
