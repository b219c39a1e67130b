/** The open bucket of a rollup, made from live readings until the store's own is there. */
export interface LiveBucket {
  readonly startMs: number;
  readonly mean: number;
  readonly min: number;
  readonly max: number;
}

interface Parts {
  startMs: number;
  sum: number;
  count: number;
  min: number;
  max: number;
}

/** Folds live readings of one series into buckets of `widthMs`, aligned to UTC; only the bucket in work is kept. */
export class BucketFold {
  private parts: Parts | undefined;

  constructor(private readonly widthMs: number) {}

  /** Takes a reading and returns its bucket as it now stands; undefined for one of an earlier bucket. */
  add(timeMs: number, value: number): LiveBucket | undefined {
    const startMs = Math.floor(timeMs / this.widthMs) * this.widthMs;
    if (!this.parts || startMs > this.parts.startMs)
      this.parts = { startMs, sum: 0, count: 0, min: Infinity, max: -Infinity };
    const parts = this.parts;
    if (startMs < parts.startMs) return undefined;
    parts.sum += value;
    parts.count += 1;
    parts.min = Math.min(parts.min, value);
    parts.max = Math.max(parts.max, value);
    return { startMs, mean: parts.sum / parts.count, min: parts.min, max: parts.max };
  }
}
