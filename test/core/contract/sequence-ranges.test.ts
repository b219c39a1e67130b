import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SequenceRanges } from '../../../core/contract/sequence-ranges.js';

const range = fc
  .tuple(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 10 }))
  .map(([from, length]) => [from, from + length] as const);

describe('SequenceRanges', () => {
  it('behaves as a set of numbers, kept as disjoint sorted ranges', () => {
    fc.assert(
      fc.property(fc.array(range, { maxLength: 30 }), range, (added, [from, to]) => {
        const set = SequenceRanges.from(added);
        const model = new Set(added.flatMap(([a, b]) => Array.from({ length: b - a + 1 }, (_, i) => a + i)));
        for (let n = 0; n <= 75; n += 1) expect(set.has(n)).toBe(model.has(n));
        expect(set.size).toBe(model.size);
        expect(set.highest).toBe(Math.max(-1, ...model));
        const missing = set.missing(from, to).flatMap(([a, b]) => Array.from({ length: b - a + 1 }, (_, i) => a + i));
        expect(missing).toEqual(Array.from({ length: to - from + 1 }, (_, i) => from + i).filter((n) => !model.has(n)));
        const ranges = [...set];
        for (let i = 1; i < ranges.length; i += 1) expect(ranges[i]![0]).toBeGreaterThan(ranges[i - 1]![1] + 1);
        expect(SequenceRanges.parse(set.toString()).toString()).toBe(set.toString());
      }),
    );
  });

  it('refuses what is not a range', () => {
    for (const text of ['a', '1-', '-1', '2-1', '1,,2']) expect(() => SequenceRanges.parse(text)).toThrow(RangeError);
    expect(() => SequenceRanges.from([[1.5, 2]])).toThrow(RangeError);
  });
});
