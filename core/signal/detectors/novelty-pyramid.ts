/** Readings that the features of each level span; each span is four of the level below. */
export const levelSpans = [1, 4, 16, 64] as const;
/** What a level knows of its span, by place: a mean, the range of two spans, a maximum, the mean step, the change. */
export const kinds = { mean: 0, range: 1, maximum: 2, step: 3, change: 4 } as const;
export const kindsPerLevel = 5;
export const featureCount = levelSpans.length * kindsPerLevel;

/** A level keeps four spans: the next level finds its quarters there, and each span the one before it. */
const ringSizes = levelSpans.map((span) => 4 * span);
const ringStarts = ringSizes.map((_, level) => ringSizes.slice(0, level).reduce((sum, size) => sum + size, 0));
const ringTotal = ringSizes.reduce((sum, size) => sum + size, 0);
const longestRing = ringSizes.at(-1)!;

/**
 * Features of the last 1, 4, 16 and 64 values, new with every value. Each level is put together from four results of
 * the level below: a value costs the same whatever the span, and no rounding error adds up over the years.
 */
export class NoveltyPyramid {
  /** The features after the last push, at `level * kindsPerLevel + kind`. */
  readonly features = new Float64Array(featureCount);
  private readonly means = new Float64Array(ringTotal);
  private readonly lows = new Float64Array(ringTotal);
  private readonly highs = new Float64Array(ringTotal);
  private readonly steps = new Float64Array(ringTotal);
  private last = 0;
  private filled = 0;
  private at = 0;

  get bytes(): number {
    return this.features.byteLength + 4 * this.means.byteLength;
  }

  /** Forgets the values, after a gap for example. Until there are enough again, spans are shorter. */
  restart(): void {
    this.filled = 0;
  }

  push(value: number): void {
    this.at = (this.at + 1) % longestRing;
    const step = this.filled === 0 ? 0 : Math.abs(value - this.last);
    this.put(this.slot(0, 0), value, value, value, step);
    this.last = value;
    this.filled = Math.min(this.filled + 1, longestRing);
    this.describe(0);
    for (let level = 1; level < levelSpans.length; level += 1) {
      this.gather(level);
      this.describe(level);
    }
  }

  /** Puts a level together from the quarters that there are. */
  private gather(level: number): void {
    const { means, steps, lows, highs } = this;
    const quarter = levelSpans[level - 1]!;
    const quarters = Math.min(4, Math.ceil(this.filled / quarter));
    let mean = 0;
    let step = 0;
    let low = Infinity;
    let high = -Infinity;
    for (let i = 0; i < quarters; i += 1) {
      const slot = this.slot(level - 1, i * quarter);
      mean += means[slot]! / quarters;
      step += steps[slot]! / quarters;
      low = Math.min(low, lows[slot]!);
      high = Math.max(high, highs[slot]!);
    }
    this.put(this.slot(level, 0), mean, low, high, step);
  }

  private describe(level: number): void {
    const { features, means, lows, highs } = this;
    const now = this.slot(level, 0);
    const span = levelSpans[level]!;
    const before = this.filled > span ? this.slot(level, span) : now;
    const base = level * kindsPerLevel;
    features[base + kinds.mean] = means[now]!;
    features[base + kinds.range] = Math.max(highs[now]!, highs[before]!) - Math.min(lows[now]!, lows[before]!);
    features[base + kinds.maximum] = highs[now]!;
    features[base + kinds.step] = this.steps[now]!;
    features[base + kinds.change] = means[now]! - means[before]!;
  }

  private slot(level: number, lag: number): number {
    // Ring sizes are powers of two.
    return ringStarts[level]! + ((this.at - lag) & (ringSizes[level]! - 1));
  }

  private put(slot: number, mean: number, low: number, high: number, step: number): void {
    this.means[slot] = mean;
    this.lows[slot] = low;
    this.highs[slot] = high;
    this.steps[slot] = step;
  }
}
