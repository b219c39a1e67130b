import type { Quality } from '../api/types.js';

const qualities: readonly Quality[] = ['good', 'uncertain', 'bad', 'out-of-range', 'stuck', 'spike', 'clock-unsynced'];
const codes = new Map(qualities.map((quality, code) => [quality as string, code]));

export interface NewPoint {
  readonly timeMs: number;
  readonly value: number;
  readonly quality?: Quality;
  readonly min?: number;
  readonly max?: number;
}

/** The points of one series as columns in order of time; `min` and `max` are NaN where a point has none. */
export interface Track {
  readonly times: Float64Array;
  readonly values: Float64Array;
  readonly mins: Float64Array;
  readonly maxs: Float64Array;
  /** An index into the list of qualities; 0 is `good`. */
  readonly qualities: Uint8Array;
}

export function qualityOf(code: number): Quality {
  return qualities[code] ?? 'bad';
}

function columns(length: number): Track {
  return {
    times: new Float64Array(length),
    values: new Float64Array(length),
    mins: new Float64Array(length),
    maxs: new Float64Array(length),
    qualities: new Uint8Array(length),
  };
}

/**
 * Keeps the newest `capacity` points of one series in bounded memory. The columns stay in one piece, so that they can
 * be handed out without copying: points are appended up to twice the capacity, then the newer half moves to the front.
 */
export class PointBuffer {
  private store: Track;
  private start = 0;
  private end = 0;

  constructor(readonly capacity: number) {
    this.store = columns(Math.min(256, 2 * capacity));
  }

  get length(): number {
    return this.end - this.start;
  }

  /** The oldest time in milliseconds; Infinity when empty. */
  get firstMs(): number {
    return this.length === 0 ? Infinity : this.store.times[this.start]!;
  }

  /** The newest time in milliseconds; -Infinity when empty. */
  get lastMs(): number {
    return this.length === 0 ? -Infinity : this.store.times[this.end - 1]!;
  }

  /** Takes a point in its place in time. A point of the same time is replaced; one before all kept ones is let go. */
  push(point: NewPoint): void {
    if (point.timeMs > this.lastMs) return this.append(point);
    const at = this.find(point.timeMs);
    if (this.store.times[at] === point.timeMs) return this.write(at, point);
    if (at === this.start && this.length >= this.capacity) return;
    this.append({ ...point, timeMs: Infinity });
    const from = this.find(point.timeMs);
    for (const column of this.all()) column.copyWithin(from + 1, from, this.end - 1);
    this.write(from, point);
  }

  clear(): void {
    this.start = this.end = 0;
  }

  /** The points kept, as views that are valid until the next change. */
  track(): Track {
    const { start, end, store } = this;
    return {
      times: store.times.subarray(start, end),
      values: store.values.subarray(start, end),
      mins: store.mins.subarray(start, end),
      maxs: store.maxs.subarray(start, end),
      qualities: store.qualities.subarray(start, end),
    };
  }

  /** The points later than `ms`, copied. */
  after(ms: number): NewPoint[] {
    const { times, values, mins, maxs, qualities: kinds } = this.store;
    const points: NewPoint[] = [];
    for (let i = this.find(ms); i < this.end; i += 1) {
      if (times[i]! <= ms) continue;
      points.push({
        timeMs: times[i]!,
        value: values[i]!,
        min: mins[i]!,
        max: maxs[i]!,
        quality: qualityOf(kinds[i]!),
      });
    }
    return points;
  }

  private append(point: NewPoint): void {
    if (this.end === this.store.times.length) this.makeRoom();
    this.write(this.end, point);
    this.end += 1;
    if (this.length > this.capacity) this.start += 1;
  }

  private write(at: number, { timeMs, value, quality, min, max }: NewPoint): void {
    this.store.times[at] = timeMs;
    this.store.values[at] = value;
    this.store.mins[at] = min ?? NaN;
    this.store.maxs[at] = max ?? NaN;
    this.store.qualities[at] = quality === undefined ? 0 : (codes.get(quality) ?? 2);
  }

  /** The first index whose time is not before `timeMs`. */
  private find(timeMs: number): number {
    let low = this.start;
    let high = this.end;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.store.times[middle]! < timeMs) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private makeRoom(): void {
    const length = this.store.times.length;
    const grown = length < 2 * this.capacity;
    const target = grown ? columns(Math.min(2 * this.capacity, 2 * length)) : this.store;
    const from = this.all();
    const to = this.all(target);
    for (const [index, column] of to.entries()) column.set(from[index]!.subarray(this.start, this.end));
    this.store = target;
    this.end -= this.start;
    this.start = 0;
  }

  private all(store = this.store): (Float64Array | Uint8Array)[] {
    return [store.times, store.values, store.mins, store.maxs, store.qualities];
  }
}
