import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { parseConfig } from '../../../core/runtime/config.js';
import { durationBetween, durationSchema, formatDuration, parseDurationMs } from '../../../core/runtime/durations.js';

describe('a duration', () => {
  it.each([
    ['500ms', 500],
    ['1s', 1000],
    ['1.5s', 1500],
    ['5 m', 300_000],
    ['1h', 3_600_000],
    ['7d', 604_800_000],
    [250, 250],
    [0, 0],
  ])('%s is %i ms', (input, ms) => {
    expect(durationSchema.parse(input)).toBe(ms);
  });

  it.each(['', '5', 'ten s', '-1s', '1 week', -1, Infinity, NaN, null])('%s is none', (input) => {
    expect(durationSchema.safeParse(input).success).toBe(false);
  });

  it('is read back as it was written', () => {
    fc.assert(fc.property(fc.nat(10 ** 10), (ms) => parseDurationMs(formatDuration(ms)) === ms));
    expect([90_000, 300_000, 1500].map(formatDuration)).toEqual(['90s', '5m', '1500ms']);
  });
});

it('may have limits, and the fault says which', () => {
  const schema = z.strictObject({ intervalMs: durationBetween('10ms', '1h').prefault('1s') });
  expect(parseConfig(schema, '', 'f.yaml')).toEqual({ intervalMs: 1000 });
  expect(() => parseConfig(schema, 'intervalMs: 2h', 'f.yaml')).toThrow(
    'f.yaml:1: intervalMs: must lie between 10ms and 1h',
  );
  expect(() => parseConfig(schema, 'intervalMs: soon', 'f.yaml')).toThrow('not a duration such as 500ms');
});
