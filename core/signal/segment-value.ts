import type { SensorDescription } from '../contract/catalogue.js';
import { numericValue, type Point } from '../contract/reading.js';

/** How a catalogue says that segments are read. */
export type SegmentReading = Pick<SensorDescription, 'interpolation' | 'maxGapUs'>;

/**
 * What a series was at `timeUs`, read from the segment point at or before it and the next one behind it. Undefined where
 * nobody knows: over a gap, beside a point that is text or whose quality is not to be trusted, beyond the last point.
 */
export function segmentValue(
  before: Point,
  after: Point | undefined,
  timeUs: number,
  { interpolation, maxGapUs }: SegmentReading,
): number | undefined {
  const value = numericValue(before.value);
  if (timeUs === before.timeUs || value === undefined) return value;
  if (!after || interpolation === 'none' || after.timeUs - before.timeUs > maxGapUs || !isTrusted(before)) {
    return undefined;
  }
  if (interpolation === 'hold') return value;
  const next = numericValue(after.value);
  if (next === undefined || !isTrusted(after)) return undefined;
  return value + (next - value) * ((timeUs - before.timeUs) / (after.timeUs - before.timeUs));
}

/** Whether a line may be drawn from or to a point. */
export function isTrusted({ quality }: Pick<Point, 'quality'>): boolean {
  return quality === 'good' || quality === 'uncertain';
}
