import type { Point, Quality, WindowParts } from '#core/contract/reading.js';
import { windowSum } from '#core/contract/reading.js';
import { bucketStart } from '#core/contract/time.js';

/** Fewer readings than this take less space as they are. */
const minMerged = 3;

/** What may be merged, from best to worst: a window is as good as the worst of its readings. */
const mergeable: readonly Quality[] = ['good', 'uncertain'];

interface NumericPoint extends Point {
  readonly value: number;
}

/**
 * The same points in less space: numeric readings become windows of `windowUs`, in order of time.
 *
 * Left as they are: text and booleans; segments; readings of a quality that somebody will want to see for itself
 * (`bad`, `spike`, `stuck`, `out-of-range`), or whose time is not known yet (`clock-unsynced`); and the last window of
 * each sensor, because later packs may hold more of it, and two windows with one start would be one identity.
 * `context` points go: they are counted in a window already.
 */
export function thinPoints(points: readonly Point[], windowUs: number): Point[] {
  const kept: Point[] = [];
  const bySensor = new Map<string, NumericPoint[]>();
  for (const point of points) {
    if (point.form === 'context') continue;
    if (!isMergeable(point, windowUs)) {
      kept.push(point);
      continue;
    }
    const list = bySensor.get(point.sensor);
    if (list) list.push(point);
    else bySensor.set(point.sensor, [point]);
  }
  for (const list of bySensor.values()) kept.push(...thinSensor(list, windowUs));
  return kept.sort((a, b) => a.timeUs - b.timeUs);
}

function isMergeable(point: Point, windowUs: number): point is NumericPoint {
  if (typeof point.value !== 'number' || !mergeable.includes(point.quality)) return false;
  if (point.form === 'window') return windowUs % point.window!.spanUs === 0 && point.window!.spanUs < windowUs;
  return point.form === 'raw';
}

function thinSensor(points: NumericPoint[], windowUs: number): Point[] {
  points.sort((a, b) => a.timeUs - b.timeUs);
  const open = bucketStart(points.at(-1)!.timeUs, windowUs);
  const thinned: Point[] = [];
  for (let from = 0; from < points.length;) {
    const start = bucketStart(points[from]!.timeUs, windowUs);
    let to = from;
    while (to < points.length && points[to]!.timeUs < start + windowUs) to += 1;
    const bucket = points.slice(from, to);
    thinned.push(...(start < open && mayMerge(bucket, start) ? [merge(bucket, start, windowUs)] : bucket));
    from = to;
  }
  return thinned;
}

/** Smaller windows are merged only with the first of them at hand: otherwise that one stands elsewhere under this start. */
function mayMerge(bucket: readonly NumericPoint[], start: number): boolean {
  if (bucket.length < minMerged || !Number.isFinite(sumOf(bucket))) return false;
  return !bucket.some(({ window }) => window) || bucket.some(({ window, timeUs }) => window && timeUs === start);
}

function merge(bucket: readonly NumericPoint[], timeUs: number, spanUs: number): Point {
  const parts = bucket.map(partsOf);
  const count = parts.reduce((total, part) => total + part.count, 0);
  const window: WindowParts = {
    spanUs,
    count,
    min: Math.min(...parts.map(({ min }) => min)),
    max: Math.max(...parts.map(({ max }) => max)),
    first: parts[0]!.first,
    last: parts.at(-1)!.last,
  };
  const quality = bucket.some((point) => point.quality === 'uncertain') ? 'uncertain' : 'good';
  return { sensor: bucket[0]!.sensor, timeUs, value: sumOf(bucket) / count, quality, form: 'window', window };
}

function sumOf(bucket: readonly NumericPoint[]): number {
  return bucket.reduce((total, point) => total + windowSum(point.value, partsOf(point)), 0);
}

function partsOf({ window, value }: NumericPoint): WindowParts {
  return window ?? { spanUs: 0, count: 1, min: value, max: value, first: value, last: value };
}
