import { numericValue, type Point, type RollupParts } from '../contract/reading.js';
import { isTrusted, type SegmentReading } from './segment-value.js';

/** Parts that know when their first and last value were, in microseconds. */
export interface TimedParts extends RollupParts {
  firstUs: number;
  lastUs: number;
}

/** A stretch of time, `[fromUs, untilUs)`, over which a segment series is known: a straight line between two values. */
export interface Piece {
  readonly fromUs: number;
  readonly untilUs: number;
  readonly from: number;
  readonly until: number;
}

/**
 * What a segment point says of the time from it to the next. Where no line may be drawn it still speaks for its own
 * microsecond, so that a bucket with a trusted point always has a mean. Undefined for text, for a quality that is not to
 * be trusted, and with the interpolation `none`: nobody knows then what time its points speak for, and a mean over the
 * points of a reducer would be that of its changes.
 */
export function pieceOf(before: Point, after: Point | undefined, reading: SegmentReading): Piece | undefined {
  const { interpolation, maxGapUs } = reading;
  const from = numericValue(before.value);
  if (from === undefined || interpolation === 'none' || !isTrusted(before)) return undefined;
  const fromUs = before.timeUs;
  const alone = { fromUs, untilUs: fromUs + 1, from, until: from };
  if (!after || after.timeUs - fromUs > maxGapUs) return alone;
  if (interpolation === 'hold') return { ...alone, untilUs: after.timeUs };
  const until = numericValue(after.value);
  if (until === undefined || !isTrusted(after)) return alone;
  return { fromUs, untilUs: after.timeUs, from, until };
}

/**
 * What a piece gives to the bucket `[fromUs, untilUs)`; undefined if nothing. `weight` is the microseconds that it
 * covers, `sum` the integral over them, `count` whether its point lies in the bucket.
 */
export function piecePart(piece: Piece, fromUs: number, untilUs: number): TimedParts | undefined {
  const startUs = Math.max(piece.fromUs, fromUs);
  const endUs = Math.min(piece.untilUs, untilUs);
  if (startUs >= endUs) return undefined;
  const [first, last] = [valueAt(piece, startUs), valueAt(piece, endUs)];
  const weight = endUs - startUs;
  return {
    sum: finite((first / 2 + last / 2) * weight),
    weight,
    count: Number(piece.fromUs >= fromUs),
    ...{ min: Math.min(first, last), max: Math.max(first, last), first, last },
    ...{ firstUs: startUs, lastUs: endUs - 1 },
  };
}

/**
 * The parts of the bucket `[fromUs, untilUs)` of a segment series; undefined if nothing is known of it. `points`: those
 * in the bucket and one on either side, in order of time, each stamp once. They add up: an hour's parts are the sum of
 * its minutes'. Min, max, first and last are of the curve, with its values at the borders of the bucket.
 */
export function segmentParts(
  points: readonly Point[],
  reading: SegmentReading,
  fromUs: number,
  untilUs: number,
): TimedParts | undefined {
  let parts: TimedParts | undefined;
  points.forEach((point, i) => {
    const piece = pieceOf(point, points[i + 1], reading);
    const part = piece && piecePart(piece, fromUs, untilUs);
    if (!part) return;
    if (parts) addParts(parts, part);
    else parts = part;
  });
  return parts;
}

/** Adds parts of one unit of weight: of segments to segments, or of readings to readings. */
export function addParts(into: TimedParts, from: TimedParts): void {
  into.sum = finite(into.sum + from.sum);
  into.weight += from.weight;
  into.count += from.count;
  joinEnds(into, from);
}

/**
 * Adds what came for a bucket of segments after its points were gone. Nobody can tell any more whether it lies beside
 * or upon what is there, so no more time is taken than the bucket has left.
 */
export function addLateParts(into: TimedParts, from: TimedParts, widthUs: number): void {
  const weight = Math.max(0, Math.min(from.weight, widthUs - into.weight));
  const sum = weight === from.weight ? from.sum : from.sum * (weight / from.weight);
  addParts(into, { ...from, weight, sum });
}

/**
 * One bucket of a series that has both readings (or windows), which weigh their count, and segments, which weigh
 * microseconds: because readings came late, or the reducer was changed. The result weighs microseconds. The readings
 * stand with their mean for the time from the first to the last of them, as far as the segments leave that much free: a
 * late reading weighs a microsecond beside a line, half a bucket of readings half of it.
 */
export function mixParts(readings: TimedParts, segments: TimedParts, widthUs: number): TimedParts {
  const freeUs = Math.max(0, widthUs - segments.weight);
  const readingsUs = Math.min(freeUs, readings.lastUs - readings.firstUs + 1);
  const mixed = { ...segments };
  addParts(mixed, { ...readings, sum: finite((readings.sum / readings.weight) * readingsUs), weight: readingsUs });
  return mixed;
}

function joinEnds(into: TimedParts, from: TimedParts): void {
  into.min = Math.min(into.min, from.min);
  into.max = Math.max(into.max, from.max);
  if (from.firstUs < into.firstUs) [into.first, into.firstUs] = [from.first, from.firstUs];
  if (from.lastUs > into.lastUs) [into.last, into.lastUs] = [from.last, from.lastUs];
}

function valueAt({ fromUs, untilUs, from, until }: Piece, timeUs: number): number {
  if (timeUs === fromUs) return from;
  if (timeUs === untilUs || from === until) return until;
  return finite(from + (until - from) * ((timeUs - fromUs) / (untilUs - fromUs)));
}

/** Stores hold finite numbers only: what overflows stays at the greatest. */
function finite(value: number): number {
  return Math.min(Number.MAX_VALUE, Math.max(-Number.MAX_VALUE, value));
}
