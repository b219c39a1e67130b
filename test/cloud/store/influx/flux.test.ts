import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  fromBucket,
  isoMicroseconds,
  matching,
  matchingAny,
  parseTimeUs,
  quoted,
  rangeOf,
} from '../../../../cloud/store/influx/flux.js';

test('microseconds come back from RFC 3339, before 1970 and far ahead too', () => {
  fc.assert(
    fc.property(fc.integer({ min: -2_000_000_000_000_000, max: Number.MAX_SAFE_INTEGER }), (timeUs) => {
      expect(parseTimeUs(isoMicroseconds(timeUs))).toBe(timeUs);
    }),
  );
});

test('reads times with any number of digits, as Flux writes them', () => {
  const texts = ['2026-11-21T11:18:00Z', '2026-11-21T11:18:00.5Z', '2026-11-21T11:18:00.000001Z'];
  const startUs = Date.UTC(2026, 10, 21, 11, 18) * 1000;
  expect(texts.map((text) => parseTimeUs(text) - startUs)).toEqual([0, 500_000, 1]);
  expect(parseTimeUs('2026-11-21T11:18:00.123456789Z') - startUs).toBe(123_456);
});

test('a range is cut to what InfluxDB can hold', () => {
  expect(rangeOf({ fromUs: Number.NEGATIVE_INFINITY, toUs: Number.POSITIVE_INFINITY })).toBe(
    'range(start: time(v: "1677-09-21T00:12:43.145226Z"), stop: time(v: "2262-04-11T23:47:16.854774Z"))',
  );
});

test('no text can end a literal', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('"', '\\', '$', '{', '}', '\n', '\u0000', 'x') }), (text) => {
      const inner = quoted(text).slice(1, -1);
      expect(quoted(text)).toMatch(/^".*"$/s);
      expect(inner.replace(/\\./gs, '_')).not.toMatch(/["\\]|\$\{|\p{Cc}/u);
    }),
  );
});

test('predicates', () => {
  expect(matching({})).toBe('true');
  expect(matching({ site: 'a', sensor: 'b' })).toBe('r.site == "a" and r.sensor == "b"');
  expect(matchingAny([{ site: 'a' }, { site: 'b', device: 'c' }])).toBe(
    '((r.site == "a") or (r.site == "b" and r.device == "c"))',
  );
  expect(matchingAny([])).toBe('false');
  expect(fromBucket('b', { fromUs: 0, toUs: 1 }, 'true', 'r.x == 1', 'r.y == 2')).toMatch(
    /^from\(bucket: "b"\) \|> range\(.*\) \|> filter\(fn: \(r\) => \(r\.x == 1\) and \(r\.y == 2\)\)$/,
  );
});
