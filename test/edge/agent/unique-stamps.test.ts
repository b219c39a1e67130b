import fc from 'fast-check';
import { expect, it } from 'vitest';
import { uptimeStamp } from '../../../core/contract/uptime-stamps.js';
import { UniqueStamps } from '../../../edge/agent/unique-stamps.js';

function stamped(times: readonly number[]): number[] {
  const stamps = new UniqueStamps();
  return times.map((timeUs) => stamps.take(timeUs));
}

it('leaves different stamps alone, though they come out of order', () => {
  expect(stamped([10, 20, 15, 30])).toEqual([10, 20, 15, 30]);
});

it('moves the later of two by a microsecond', () => {
  expect(stamped([10, 10, 10, 11, 20])).toEqual([10, 11, 12, 13, 20]);
});

it('tells a long run of one stamp apart', () => {
  const stamps = stamped(Array<number>(5000).fill(10));
  expect(new Set(stamps).size).toBe(5000);
  expect(stamps.at(-1)).toBe(5009);
});

it('keeps the smaller stamps after a step back of the clock', () => {
  expect(stamped([1000, 1001, 10, 11, 11, 1000])).toEqual([1000, 1001, 10, 11, 12, 1002]);
});

it('keeps what it gave of a boot apart from true times, once those are known', () => {
  const stamps = new UniqueStamps();
  const offsetUs = 1_795_000_000_000_000;
  const byUs = offsetUs - uptimeStamp(0);
  expect([10, 10, 500].map((us) => stamps.take(uptimeStamp(us)) - uptimeStamp(0))).toEqual([10, 11, 500]);
  stamps.resolve(byUs);
  expect([500, 11, 10, 12, 501, 502].map((us) => stamps.take(offsetUs + us) - offsetUs)).toEqual([
    501, 12, 13, 14, 502, 503,
  ]);
  // Of true times nothing is moved.
  stamps.resolve(byUs);
  expect(stamps.take(offsetUs + 503)).toBe(offsetUs + 504);
});

it('never gives one stamp twice, nor an earlier one than asked for', () => {
  const times = fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 16 });
  fc.assert(
    fc.property(times, (asked) => {
      const stamps = stamped(asked);
      expect(new Set(stamps).size).toBe(asked.length);
      expect(stamps.every((stamp, i) => stamp >= asked[i]!)).toBe(true);
    }),
    { numRuns: 500 },
  );
});
