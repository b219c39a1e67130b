/** An inclusive run of pack numbers. */
export type SequenceRange = readonly [from: number, to: number];

/**
 * A set of pack numbers kept as sorted, disjoint, non-adjacent inclusive ranges.
 * Alerts overtake data, so what was received is a set and never a high-water mark.
 */
export class SequenceRanges {
  private constructor(private ranges: [number, number][]) {}

  static from(ranges: Iterable<SequenceRange> = []): SequenceRanges {
    const set = new SequenceRanges([]);
    for (const [from, to] of ranges) set.add(from, to);
    return set;
  }

  /** Parses `"0-41,43"`. Throws a RangeError on anything else. */
  static parse(text: string): SequenceRanges {
    const parts = text === '' ? [] : text.split(',');
    return SequenceRanges.from(
      parts.map((part) => {
        const match = /^(\d+)(?:-(\d+))?$/.exec(part);
        if (!match) throw new RangeError(`not a sequence range: ${part.slice(0, 40)}`);
        return [Number(match[1]), Number(match[2] ?? match[1])] as const;
      }),
    );
  }

  toString(): string {
    return this.ranges.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(',');
  }

  /** How many numbers are in the set. */
  get size(): number {
    return this.ranges.reduce((sum, [from, to]) => sum + to - from + 1, 0);
  }

  /** The highest number, or -1 when empty. */
  get highest(): number {
    return this.ranges.at(-1)?.[1] ?? -1;
  }

  has(number: number): boolean {
    const range = this.ranges[this.firstEndingAtOrAfter(number)];
    return range !== undefined && range[0] <= number;
  }

  add(from: number, to = from): void {
    if (!Number.isSafeInteger(from) || !Number.isSafeInteger(to) || from < 0 || to < from) {
      throw new RangeError(`not a sequence range: ${from}-${to}`);
    }
    const start = this.firstEndingAtOrAfter(from - 1);
    let end = start;
    let low = from;
    let high = to;
    for (let range = this.ranges[end]; range && range[0] <= to + 1; range = this.ranges[++end]) {
      low = Math.min(low, range[0]);
      high = Math.max(high, range[1]);
    }
    this.ranges.splice(start, end - start, [low, high]);
  }

  addAll(other: SequenceRanges): void {
    for (const [from, to] of other.ranges) this.add(from, to);
  }

  /** The numbers of [from, to] that are missing. */
  missing(from: number, to: number): SequenceRange[] {
    const gaps: SequenceRange[] = [];
    let next = from;
    for (let i = this.firstEndingAtOrAfter(from); next <= to; i += 1) {
      const range = this.ranges[i];
      if (!range || range[0] > to) {
        gaps.push([next, to]);
        break;
      }
      if (range[0] > next) gaps.push([next, range[0] - 1]);
      next = range[1] + 1;
    }
    return gaps;
  }

  clone(): SequenceRanges {
    return new SequenceRanges(this.ranges.map(([from, to]) => [from, to]));
  }

  *[Symbol.iterator](): Iterator<SequenceRange> {
    for (const [from, to] of this.ranges) yield [from, to];
  }

  private firstEndingAtOrAfter(number: number): number {
    let low = 0;
    let high = this.ranges.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.ranges[middle]![1] < number) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
