/**
 * The maximum of the last `window` numbers, in constant time on average and without allocation: a ring of those that
 * no later number exceeds. D. Lemire: "Streaming maximum-minimum filter using no more than three comparisons per
 * element", Nordic J. Computing 13 (2006) 328–339.
 */
export class SlidingMaximum {
  private readonly values: Float64Array;
  private readonly places: Float64Array;
  private head = 0;
  private size = 0;
  private seen = 0;

  constructor(private readonly window: number) {
    this.values = new Float64Array(window + 1);
    this.places = new Float64Array(window + 1);
  }

  get bytes(): number {
    return this.values.byteLength + this.places.byteLength;
  }

  /** Whether a number exceeds each of the `window` numbers before it, which it then joins. */
  push(value: number): boolean {
    this.seen += 1;
    if (this.size > 0 && this.places[this.head]! < this.seen - this.window) {
      this.head = this.wrap(this.head + 1);
      this.size -= 1;
    }
    const isHighest = this.size === 0 || value > this.values[this.head]!;
    while (this.size > 0 && this.values[this.wrap(this.head + this.size - 1)]! <= value) this.size -= 1;
    const tail = this.wrap(this.head + this.size);
    this.values[tail] = value;
    this.places[tail] = this.seen;
    this.size += 1;
    return isHighest;
  }

  private wrap(index: number): number {
    return index < this.values.length ? index : index - this.values.length;
  }
}
