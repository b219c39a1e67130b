/** Four buckets to an octave, from ten microseconds to some minutes: a percentile is at most a fifth too high. */
const perOctave = 4;
const leastMs = 0.01;
const buckets = 100;
/** When there are so many, all are halved: the percentile is that of the last reads, not of a year ago. */
const remembered = 16_384;

/** How late reads begin: a small histogram, so that a tick allocates nothing. */
export class Jitter {
  private readonly counts = new Uint32Array(buckets);
  private held = 0;
  private reads = 0;
  private sumMs = 0;
  private greatestMs = 0;

  note(lateMs: number): void {
    this.reads += 1;
    this.sumMs += lateMs;
    if (lateMs > this.greatestMs) this.greatestMs = lateMs;
    this.counts[bucketOf(lateMs)]! += 1;
    this.held += 1;
    if (this.held >= remembered) this.halve();
  }

  /** Of all reads, in milliseconds. */
  get meanMs(): number {
    return this.reads === 0 ? 0 : this.sumMs / this.reads;
  }

  /** Of all reads, in milliseconds. */
  get maxMs(): number {
    return this.greatestMs;
  }

  /** The time within which the given share of the last reads began, rounded up to its bucket's edge; 0 before the first. */
  percentileMs(share: number): number {
    let missing = Math.ceil(this.held * share);
    if (missing === 0) return 0;
    let bucket = 0;
    while ((missing -= this.counts[bucket]!) > 0) bucket += 1;
    return Math.min(this.greatestMs, leastMs * 2 ** (bucket / perOctave));
  }

  private halve(): void {
    this.held = 0;
    for (let bucket = 0; bucket < buckets; bucket += 1) {
      this.counts[bucket]! >>>= 1;
      this.held += this.counts[bucket]!;
    }
  }
}

/** The bucket whose upper edge is `leastMs * 2 ** (bucket / perOctave)`. */
function bucketOf(lateMs: number): number {
  if (!(lateMs > leastMs)) return 0;
  return Math.min(buckets - 1, Math.ceil(Math.log2(lateMs / leastMs) * perOctave));
}
