import type { Track } from './point-buffer.js';

/** The first index whose time is not before `ms`. */
export function indexAt(times: Float64Array, ms: number): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (times[middle]! < ms) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The index whose time is nearest to `ms` and at most `withinMs` away; -1 if none is. */
export function nearestIndex(times: Float64Array, ms: number, withinMs: number): number {
  const after = indexAt(times, ms);
  const distance = (index: number) => (index < 0 || index >= times.length ? Infinity : Math.abs(times[index]! - ms));
  const nearest = distance(after - 1) <= distance(after) ? after - 1 : after;
  return distance(nearest) <= withinMs ? nearest : -1;
}

/** The indices to draw between two times, end exclusive: one point beyond either edge, so that lines reach it. */
export function visible(times: Float64Array, fromMs: number, toMs: number): [first: number, end: number] {
  return [Math.max(0, indexAt(times, fromMs) - 1), Math.min(times.length, indexAt(times, toMs) + 1)];
}

/**
 * The longest silence in milliseconds that still counts as connected: four times the usual distance of two points and
 * at least two seconds. `bucketMs` is the width of a rollup's bucket, 0 for raw points.
 */
export function gapLimitMs(times: Float64Array, bucketMs: number): number {
  if (bucketMs > 0) return 1.5 * bucketMs;
  if (times.length < 3) return Infinity;
  const steps = new Float64Array(Math.min(times.length - 1, 100));
  const skipped = times.length - 1 - steps.length;
  for (let i = 0; i < steps.length; i += 1) steps[i] = times[skipped + i + 1]! - times[skipped + i]!;
  steps.sort();
  return Math.max(2000, 4 * steps[steps.length >> 1]!);
}

/**
 * The width of a live window: `widthMs`, or less while there is not so much to show yet, so that a line that began a
 * minute ago fills its chart.
 */
export function liveWidthMs(oldestMs: number, nowMs: number, widthMs: number): number {
  const kept = nowMs - oldestMs;
  return kept > 0 && kept < widthMs ? Math.min(widthMs, Math.max(60_000, 1.05 * kept)) : widthMs;
}

export interface Summary {
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly count: number;
}

/** What lies between two times, the edges' bands included; undefined if nothing does. */
export function summarise({ times, values, mins, maxs }: Track, fromMs: number, toMs: number): Summary | undefined {
  let [min, max, sum, count] = [Infinity, -Infinity, 0, 0];
  for (let i = indexAt(times, fromMs); i < times.length && times[i]! <= toMs; i += 1) {
    const value = values[i]!;
    if (Number.isNaN(value)) continue;
    const [low, high] = [mins[i]!, maxs[i]!];
    min = Math.min(min, Number.isNaN(low) ? value : low);
    max = Math.max(max, Number.isNaN(high) ? value : high);
    sum += value;
    count += 1;
  }
  return count === 0 ? undefined : { min, max, mean: sum / count, count };
}

/** What a line is drawn on: a `Path2D` is one. */
export interface Pen {
  moveTo(x: number, y: number): void;
  lineTo(x: number, y: number): void;
}

/** From time and value to the pixels of a canvas. */
export interface Projection {
  readonly x: (timeMs: number) => number;
  readonly y: (value: number) => number;
}

/**
 * Draws the line of a track through the indices [first, end). It breaks where the series was silent for longer than
 * `gapMs` or has no number. Where many points share a column of pixels only the first, lowest, highest and last of
 * them are drawn: the picture is the same and its cost is bounded by the width.
 */
export function traceLine(
  track: Track,
  [first, end]: readonly [number, number],
  gapMs: number,
  to: Projection,
  pen: Pen,
): void {
  const { times, values } = track;
  let connected = false;
  for (let i = first; i < end;) {
    if (Number.isNaN(values[i])) {
      connected = false;
      i += 1;
      continue;
    }
    if (connected && times[i]! - times[i - 1]! > gapMs) connected = false;
    const x = to.x(times[i]!);
    if (connected) pen.lineTo(x, to.y(values[i]!));
    else pen.moveTo(x, to.y(values[i]!));
    connected = true;
    i = columnEnd(track, i, end, gapMs, x, to, pen);
  }
}

/** Draws the rest of the pixel column of point `i`; returns the index behind it. */
function columnEnd(
  { times, values }: Track,
  i: number,
  end: number,
  gapMs: number,
  x: number,
  to: Projection,
  pen: Pen,
): number {
  const column = Math.floor(x);
  let [low, high] = [values[i]!, values[i]!];
  let next = i + 1;
  while (next < end && Math.floor(to.x(times[next]!)) === column) {
    if (Number.isNaN(values[next]) || times[next]! - times[next - 1]! > gapMs) break;
    low = Math.min(low, values[next]!);
    high = Math.max(high, values[next]!);
    next += 1;
  }
  if (next - i < 4) return i + 1;
  for (const value of [low, high, values[next - 1]!]) pen.lineTo(x, to.y(value));
  return next;
}
