import { z } from 'zod';

/** How far a reading can be trusted; it travels unchanged from the sensor to the store. */
export const qualities = ['good', 'uncertain', 'bad', 'out-of-range', 'stuck', 'spike', 'clock-unsynced'] as const;
export const qualitySchema = z.enum(qualities);
export type Quality = z.infer<typeof qualitySchema>;

/**
 * What a stored point is: `raw` a reading, `window` an aggregate, `segment` the end of a deadband or swing piece,
 * `context` a raw reading kept for viewing and already counted in a window, so never rolled up.
 */
export const forms = ['raw', 'window', 'segment', 'context'] as const;
export const formSchema = z.enum(forms);
export type Form = z.infer<typeof formSchema>;

export type Value = number | string | boolean;

/** One measurement of one sensor. `timeUs`: integer microseconds since the Unix epoch, UTC. */
export interface Reading {
  readonly sensor: string;
  readonly timeUs: number;
  readonly value: Value;
  readonly quality: Quality;
}

/** What a window knows beside its mean; `spanUs` is its width in microseconds, `timeUs` of its point its start. */
export interface WindowParts {
  readonly spanUs: number;
  readonly count: number;
  readonly min: number;
  readonly max: number;
  readonly first: number;
  readonly last: number;
  /** The 95th percentile; only where it was asked for. Percentiles do not add up, so no rollup has one. */
  readonly p95?: number;
}

/**
 * A point as it travels in a pack and stands in a store. Its identity is (site, device, sensor, form, timeUs).
 * For a window `value` is the mean, so that a plain SenML reader sees a sensible number.
 */
export interface Point extends Reading {
  readonly form: Form;
  readonly window?: WindowParts;
}

/**
 * The sum-able parts of a rollup. The mean is `sum / weight`; `weight` is the count for raw and window points, and the
 * covered microseconds where there are segments: then `sum` is the integral over them.
 */
export interface RollupParts {
  sum: number;
  weight: number;
  count: number;
  min: number;
  max: number;
  first: number;
  last: number;
}

/** A point's number for storing and rolling up: booleans are 0 and 1, text has none. */
export function numericValue(value: Value): number | undefined {
  if (typeof value === 'number') return value;
  return typeof value === 'boolean' ? Number(value) : undefined;
}

/** The sum a window stands for. The wire carries the mean, so every reader derives the sum in this one way. */
export function windowSum(mean: number, window: WindowParts): number {
  return mean * window.count;
}
