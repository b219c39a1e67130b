import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { namesTag, rangeOf } from '../../../gateway/releases/part-range.js';

describe('the bytes that a Range header asks for', () => {
  it.each([
    ['bytes=0-0', { from: 0, to: 0 }],
    ['bytes=0-', { from: 0, to: 99 }],
    ['bytes=90-200', { from: 90, to: 99 }],
    ['bytes=-10', { from: 90, to: 99 }],
    ['bytes=-1000', { from: 0, to: 99 }],
    ['bytes=99-99', { from: 99, to: 99 }],
    ['bytes=100-', 'unsatisfiable'],
    ['bytes=-0', 'unsatisfiable'],
    // None of these is one range, and a server may send everything.
    [undefined, undefined],
    ['bytes=-', undefined],
    ['bytes=5-2', undefined],
    ['bytes=0-1,5-6', undefined],
    ['lines=0-1', undefined],
    ['bytes=0x1-2', undefined],
    ['bytes=9999999999999999999-', undefined],
  ])('%s', (header, range) => {
    expect(rangeOf(header, 100)).toEqual(range);
  });

  it('never leaves the part, whatever it says', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'bytes=-0123456789, ') }), fc.nat(1000), (header, size) => {
        const range = rangeOf(header, size);
        if (range === undefined || range === 'unsatisfiable') return;
        expect(range.from).toBeGreaterThanOrEqual(0);
        expect(range.to).toBeLessThan(size);
        expect(range.from).toBeLessThanOrEqual(range.to);
      }),
    );
  });

  it('tells entity tags apart, and takes a weak one only for If-None-Match', () => {
    expect(namesTag('"a", "b"', '"b"', false)).toBe(true);
    expect(namesTag('W/"b"', '"b"', false)).toBe(false);
    expect(namesTag('W/"b"', '"b"', true)).toBe(true);
    expect(namesTag('*', '"b"', true)).toBe(true);
    expect(namesTag('Sat, 21 Nov 2026 20:00:00 GMT', '"b"', false)).toBe(false);
    expect(namesTag(undefined, '"b"', true)).toBe(false);
  });
});
