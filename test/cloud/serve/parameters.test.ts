import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import {
  filterShape,
  limitSchema,
  momentSchema,
  parseParameters,
  resolveRange,
  seriesListSchema,
} from '../../../cloud/serve/parameters.js';
import { pickTier } from '../../../cloud/serve/query-route.js';
import { ProblemError } from '../../../cloud/serve/problem.js';
import { defaultRetention } from '../../../cloud/store/store.js';
import { dayUs, hourUs, minuteUs } from '../../../core/contract/time.js';

const nowUs = 1_800_000_000_000_000;
const schema = z.object({
  ...filterShape,
  from: momentSchema.optional(),
  to: momentSchema.optional(),
  series: seriesListSchema,
  limit: limitSchema(100, 10),
});

function faultsOf(query: string): string[] {
  try {
    parseParameters(schema, new URLSearchParams(query));
  } catch (error) {
    expect(error).toBeInstanceOf(ProblemError);
    return (error as ProblemError).errors!.map(({ parameter }) => parameter);
  }
  return [];
}

describe('moments', () => {
  const at = (from: string): number => {
    const parsed = parseParameters(schema, new URLSearchParams({ from }));
    return resolveRange({ ...parsed, to: { us: Number.MAX_SAFE_INTEGER } }, nowUs, { us: 0 }).fromUs;
  };

  test.each([
    ['1700000000123456', 1_700_000_000_123_456],
    ['-5', -5],
    ['2024', 2024],
    ['1970-01-02', dayUs],
    ['1970-01-01T00:00:01Z', 1e6],
    ['1970-01-01T01:00:01.5+01:00', 1.5e6],
    ['1970-01-01T00:00:01.000042Z', 1_000_042],
    ['1969-12-31T23:59:59.999999Z', -1],
    ['-15m', nowUs - 15 * minuteUs],
    ['-2h', nowUs - 2 * hourUs],
    ['-1w', nowUs - 7 * dayUs],
    ['now', nowUs],
  ])('%s', (text, us) => expect(at(text)).toBe(us));

  test.each(['', '15m', '+5', '1e3', '1.5', '2024-13-01', '2024-01-01T00:00:00', '99999999999999999', '-15y', 'x'])(
    'not %s',
    (text) => expect(faultsOf(`from=${encodeURIComponent(text)}`)).toEqual(['from']),
  );

  test('nothing lies between an end and its beginning', () => {
    expect(() => resolveRange({ from: { us: 5 }, to: { us: 5 } }, nowUs, { us: 0 })).toThrow(/from is not before to/);
  });
});

describe('parameters', () => {
  test('all faults are told at once', () => {
    expect(faultsOf('site=a/b&device=x&device=y&limit=0&tier=raw&series=a/b&from=1')).toEqual([
      'device',
      'tier',
      'site',
      'series',
      'limit',
    ]);
  });

  test.each([
    'limit=101',
    'limit=1.5',
    'limit=-1',
    'limit=',
    'series=a/b/c/d',
    'sensor=%00',
    '__proto__=1',
    'constructor=1',
  ])('not %s', (query) => expect(faultsOf(query)).toHaveLength(1));

  test('a series may be named fifty times', () => {
    const names = Array.from({ length: 51 }, (_, i) => `series=a/b/c${i}`);
    expect(faultsOf(names.slice(1).join('&'))).toEqual([]);
    expect(faultsOf(names.join('&'))).toEqual(['series']);
  });

  test('what is left out has its default', () => {
    expect(parseParameters(schema, new URLSearchParams())).toEqual({ series: [], limit: 10 });
  });
});

test('the tier is the finest that shows the range and keeps its beginning', () => {
  const tierOf = (fromAgoUs: number, toAgoUs = 0): string =>
    pickTier({ fromUs: nowUs - fromAgoUs, toUs: nowUs - toAgoUs }, nowUs, defaultRetention);
  expect([tierOf(hourUs), tierOf(8 * dayUs, 8 * dayUs - hourUs), tierOf(60 * dayUs, 60 * dayUs - hourUs)]).toEqual([
    'raw',
    '1m',
    '1h',
  ]);
  expect([tierOf(6 * hourUs), tierOf(20 * dayUs), tierOf(300 * dayUs), tierOf(500 * dayUs, 499 * dayUs)]).toEqual([
    '1m',
    '1h',
    '1d',
    '1d',
  ]);
});
