/**
 * The P² estimate of a percentile in constant memory: five markers, moved along a parabola as numbers come.
 *
 * R. Jain, I. Chlamtac: "The P² Algorithm for Dynamic Calculation of Quantiles and Histograms Without Storing
 * Observations", Communications of the ACM 28 (1985) 1076–1085. It begins here with many numbers instead of five, whose
 * order is known, so the markers begin where they belong.
 */
export class PSquare {
  private readonly heights: number[];
  /** Ranks of the markers, from 1, and where they ought to be. */
  private readonly ranks: number[];
  private readonly wanted: number[];
  private readonly steps: readonly number[];

  /** `sorted`: five numbers or more, in order of size. */
  constructor(fraction: number, sorted: ArrayLike<number>) {
    this.steps = [0, fraction / 2, fraction, (1 + fraction) / 2, 1];
    this.wanted = this.steps.map((step) => 1 + (sorted.length - 1) * step);
    this.ranks = this.wanted.map((rank, i) => Math.min(sorted.length - 4 + i, Math.max(i + 1, Math.round(rank))));
    this.heights = this.ranks.map((rank) => sorted[rank - 1]!);
  }

  get value(): number {
    return this.heights[2]!;
  }

  push(value: number): void {
    const { heights, ranks, wanted, steps } = this;
    heights[0] = Math.min(heights[0]!, value);
    heights[4] = Math.max(heights[4]!, value);
    for (let i = 1; i < 5; i += 1) {
      if (i === 4 || value < heights[i]!) ranks[i]! += 1;
      wanted[i]! += steps[i]!;
    }
    for (let i = 1; i < 4; i += 1) this.settle(i);
  }

  private settle(i: number): void {
    const { heights, ranks, wanted } = this;
    const behind = wanted[i]! - ranks[i]!;
    const up = behind >= 1 && ranks[i + 1]! - ranks[i]! > 1;
    if (!up && !(behind <= -1 && ranks[i - 1]! - ranks[i]! < -1)) return;
    const way = up ? 1 : -1;
    const height = this.parabolic(i, way);
    heights[i] = height > heights[i - 1]! && height < heights[i + 1]! ? height : this.linear(i, way);
    ranks[i]! += way;
  }

  private parabolic(i: number, way: 1 | -1): number {
    const [q0, q, q1] = [this.heights[i - 1]!, this.heights[i]!, this.heights[i + 1]!];
    const [n0, n, n1] = [this.ranks[i - 1]!, this.ranks[i]!, this.ranks[i + 1]!];
    const [above, below] = [(q1 - q) / (n1 - n), (q - q0) / (n - n0)];
    return q + (way / (n1 - n0)) * ((n - n0 + way) * above + (n1 - n - way) * below);
  }

  private linear(i: number, way: 1 | -1): number {
    const { heights, ranks } = this;
    return heights[i]! + (way * (heights[i + way]! - heights[i]!)) / (ranks[i + way]! - ranks[i]!);
  }
}
