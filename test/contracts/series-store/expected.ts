import { numericValue, windowSum, type Point, type WindowParts } from '#core/contract/reading.js';
import { bucketStart, dayUs, hourUs, minuteUs } from '#core/contract/time.js';
import { expect } from 'vitest';
import type { RollupTier, SeriesFilter, SeriesStore, StoredPoint, StoredRollup } from '../../../cloud/store/store.js';
import { allPoints, allRollups, type TestDevice } from './harness.js';

export const tierWidthUs: Record<RollupTier, number> = { '1m': minuteUs, '1h': hourUs, '1d': dayUs };
export const rollupTiers = ['1m', '1h', '1d'] as const satisfies readonly RollupTier[];

export function windowPoint(sensor: string, timeUs: number, spanUs: number, values: readonly number[]): Point {
  const sum = values.reduce((total, value) => total + value, 0);
  const window: WindowParts = {
    spanUs,
    count: values.length,
    min: Math.min(...values),
    max: Math.max(...values),
    first: values[0]!,
    last: values.at(-1)!,
  };
  return { sensor, timeUs, value: sum / values.length, quality: 'good', form: 'window', window };
}

/** A point as every store must hand it out. */
export function storedPoint(device: TestDevice, point: Point): StoredPoint {
  const { sensor, form, timeUs, value, quality, window } = point;
  return {
    ...device.series(sensor),
    form,
    timeUs,
    value: numericValue(value),
    text: typeof value === 'string' ? value : undefined,
    quality,
    count: window?.count,
    min: window?.min,
    max: window?.max,
    first: window?.first,
    last: window?.last,
    spanUs: window?.spanUs,
    p95: window?.p95,
  };
}

type Expected = Omit<StoredRollup, 'site' | 'device' | 'sensor'> & { magnitude: number };

/** The rollups of one series, straight from its points: raw and window points, each identity once, text never. */
export function expectedRollups(points: readonly Point[], widthUs: number): Expected[] {
  const unique = new Map(points.map((point) => [`${point.form} ${point.timeUs}`, point]));
  const sorted = [...unique.values()].sort((a, b) => a.timeUs - b.timeUs);
  const buckets = new Map<number, Expected>();
  for (const point of sorted) {
    const part = partOf(point, widthUs);
    if (!part) continue;
    const bucket = buckets.get(part.timeUs);
    buckets.set(part.timeUs, bucket ? merge(bucket, part) : part);
  }
  return [...buckets.values()];
}

function partOf({ form, value, window, timeUs }: Point, widthUs: number): Expected | undefined {
  const mean = numericValue(value);
  if (mean === undefined || (form !== 'raw' && form !== 'window') || (window && window.spanUs > widthUs))
    return undefined;
  const { count, min, max, first, last } = window ?? { count: 1, min: mean, max: mean, first: mean, last: mean };
  const sum = window ? windowSum(mean, window) : mean;
  const magnitude = count * Math.max(Math.abs(min), Math.abs(max));
  return { timeUs: bucketStart(timeUs, widthUs), sum, weight: count, count, min, max, first, last, magnitude };
}

function merge(a: Expected, b: Expected): Expected {
  return {
    timeUs: a.timeUs,
    sum: a.sum + b.sum,
    weight: a.weight + b.weight,
    count: a.count + b.count,
    min: Math.min(a.min, b.min),
    max: Math.max(a.max, b.max),
    first: a.first,
    last: b.last,
    magnitude: a.magnitude + b.magnitude,
  };
}

/** One series' rollups must be these: all exact but the sum, which may differ by 1e-12 of the summed magnitudes. */
export function expectSameRollups(stored: readonly StoredRollup[], expected: readonly Expected[]): void {
  const exact = ({ timeUs, weight, count, min, max, first, last }: Omit<Expected, 'sum' | 'magnitude'>) => ({
    timeUs,
    weight,
    count,
    // Minus zero and zero are the same number to a rollup.
    ...{ min: min + 0, max: max + 0, first: first + 0, last: last + 0 },
  });
  expect(stored.map(exact)).toEqual(expected.map(exact));
  expected.forEach(({ sum, magnitude }, i) => {
    // A mean of subnormal numbers has lost their last bits.
    expect(Math.abs(stored[i]!.sum - sum)).toBeLessThanOrEqual(1e-12 * magnitude + 1e-300);
  });
}

/** All three tiers of one sensor must be what its points say. */
export async function expectRollupsOf(
  store: SeriesStore,
  device: TestDevice,
  points: readonly Point[],
  sensor = 'temp',
): Promise<void> {
  const own = points.filter((point) => point.sensor === sensor);
  for (const tier of rollupTiers) {
    const stored = await allRollups(store, tier, device.series(sensor));
    try {
      expectSameRollups(stored, expectedRollups(own, tierWidthUs[tier]));
    } catch (cause) {
      throw new Error(await whatIsStored(store, tier, device.series(sensor)), { cause });
    }
  }
}

/** Tells a lost point from a rollup that was computed without it, and whether another look sees the same. */
async function whatIsStored(store: SeriesStore, tier: RollupTier, series: SeriesFilter): Promise<string> {
  const points = (await allPoints(store, series)).map(({ form, timeUs, value }) => `${form} ${timeUs} ${value}`);
  const again = (await allRollups(store, tier, series)).map(({ timeUs, count }) => `${timeUs}: ${count}`);
  return `${tier} is not what its points say; stored points: ${points.join(', ')}; rollups on a second look: ${again.join(', ')}`;
}
