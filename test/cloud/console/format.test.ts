import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatNumber,
  formatRanges,
  formatRate,
  formatShare,
  formatValue,
  plural,
  rangesCount,
} from '../../../cloud/console/page/model/format.js';
import { formatAgo, formatShort, formatUtc, isoTime } from '../../../cloud/console/page/model/times.js';

/** As the page writes it, with plain spaces and no grouping, whatever the machine's language. */
const plain = (text: string): string => text.replaceAll('\u202f', ' ').replace(/(?<=\d),(?=\d{3})/g, '');

describe('numbers', () => {
  it.each([
    [0, '0'],
    [21.4567, '21.46'],
    [-3.14159, '-3.142'],
    [0.0123456, '0.0123'],
    [625_840.4, '625840'],
    [99_999.9, '100000'],
    [1e12, '1E12'],
    [0.000_000_12, '1.2E-7'],
    [NaN, '–'],
    [Infinity, '–'],
  ])('%d reads %s', (value, text) => expect(plain(formatNumber(value))).toBe(text));

  it.each([
    [21.5, 'Cel', '21.5 °C'],
    [43.2, '%RH', '43.2 % RH'],
    [12, '/100', '12 %'],
    [1.25, 'm/s2', '1.25 m/s²'],
    [7, 'count', '7'],
    [90, 'deg', '90°'],
    [1_500_000, 'B', '1.5 MB'],
    [2_048, 'B/s', '2.05 kB/s'],
    ['open', '', 'open'],
    [true, '', 'on'],
    [null, 'Cel', '–'],
    [undefined, 'Cel', '–'],
  ])('%s in %s reads %s', (value, unit, text) => expect(plain(formatValue(value, unit))).toBe(text));

  it('a share is 100 % only when nothing is missing', () => {
    expect(plain(formatShare(1))).toBe('100 %');
    expect(plain(formatShare(0.999_999))).toBe('99.99 %');
    expect(formatShare(null)).toBe('–');
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 1e9 }), fc.nat(), (made, gap) => {
        const received = made - 1 - (gap % made);
        expect(plain(formatShare(Math.max(0, received) / made))).not.toBe('100 %');
      }),
    );
  });

  it('counts are whole up to a million, then short', () => {
    expect(plain(formatCount(999_999))).toBe('999999');
    expect(formatCount(1_240_000)).toMatch(/^1[.,]24\s?M/);
    expect(plural(1, 'pack')).toBe('1 pack');
    expect(plain(plural(1200, 'pack'))).toBe('1200 packs');
  });

  it.each([
    [0.42, '0.42 ms'],
    [12.34, '12.3 ms'],
    [2345, '2.35 s'],
    [90_000, '1.5 min'],
    [7_200_000, '2 h'],
    [200_000_000, '2.3 d'],
  ])('%d ms reads %s', (ms, text) => expect(plain(formatDuration(ms))).toBe(text));

  it('rates and bytes get a prefix', () => {
    expect(plain(formatRate(48.04))).toBe('48 /s');
    expect(plain(formatRate(123_456))).toBe('123 k/s');
    expect(plain(formatBytes(999))).toBe('999 B');
    expect(plain(formatBytes(3_400_000))).toBe('3.4 MB');
  });

  it('ranges are shortened, and counted whole', () => {
    const ranges = [
      [3, 5],
      [9, 9],
      [12, 20],
      [30, 31],
    ] as const;
    expect(formatRanges(ranges, 2)).toBe('3–5, 9 and 2 more');
    expect(formatRanges(ranges, 4)).toBe('3–5, 9, 12–20, 30–31');
    expect(rangesCount(ranges)).toBe(15);
  });
});

describe('times', () => {
  const nowUs = Date.UTC(2026, 10, 21, 10, 53, 4) * 1000;

  it.each([
    [0.5, 'now'],
    [4, '4 s ago'],
    [-1, 'now'],
    [-40, 'in 40 s'],
    [95, '1 min ago'],
    [2 * 3600, '2 h ago'],
    [3 * 86_400, '3 d ago'],
  ])('%d seconds before now reads %s', (seconds, text) => {
    expect(plain(formatAgo(nowUs - seconds * 1e6, nowUs))).toBe(text);
  });

  it('UTC keeps the milliseconds; a time beyond all dates is a dash', () => {
    expect(formatUtc(nowUs + 120_000)).toBe('2026-11-21 10:53:04.120 UTC');
    expect(isoTime(nowUs)).toBe('2026-11-21T10:53:04.000Z');
    expect(formatUtc(9e18)).toBe('–');
    expect(isoTime(9e18)).toBe('');
  });

  it('a short time has its date when it is of another day', () => {
    expect(formatShort(nowUs, nowUs)).toMatch(/^\d\d:\d\d:\d\d$/);
    expect(formatShort(nowUs - 3 * 86_400e6, nowUs)).toMatch(/18/);
  });
});
