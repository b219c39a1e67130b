/** A bucket of a rollup made from readings, until the store's own is there. */
export interface LiveBucket {
  readonly startMs: number;
  readonly mean: number;
  readonly min: number;
  readonly max: number;
}

/** A reading, or a window that stands for `count` of them. */
export interface FoldedPoint {
  readonly timeMs: number;
  readonly value: number;
  readonly count?: number | null;
  readonly min?: number | null;
  readonly max?: number | null;
}

/**
 * Folds the points of one series into buckets of `widthMs`, aligned to UTC; only the bucket in work is kept. Points
 * come in order of time: one that is not later than the last was folded before, and changes nothing.
 */
export class BucketFold {
  private startMs = -Infinity;
  private lastMs = -Infinity;
  private parts = { sum: 0, count: 0, min: Infinity, max: -Infinity };

  constructor(private readonly widthMs: number) {}

  /** Takes a point and returns its bucket as it now stands; undefined for a point that comes too late. */
  add({ timeMs, value, count, min, max }: FoldedPoint): LiveBucket | undefined {
    if (timeMs <= this.lastMs) return undefined;
    this.lastMs = timeMs;
    this.turn(Math.floor(timeMs / this.widthMs) * this.widthMs);
    const { parts } = this;
    const weight = count ?? 1;
    parts.sum += value * weight;
    parts.count += weight;
    parts.min = Math.min(parts.min, min ?? value);
    parts.max = Math.max(parts.max, max ?? value);
    return { startMs: this.startMs, mean: parts.sum / parts.count, min: parts.min, max: parts.max };
  }

  private turn(startMs: number): void {
    if (startMs === this.startMs) return;
    this.startMs = startMs;
    this.parts = { sum: 0, count: 0, min: Infinity, max: -Infinity };
  }
}
