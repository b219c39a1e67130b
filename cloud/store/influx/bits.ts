const half = 30;

/** A set of small numbers, 0 to 59. JavaScript's bit operations have 32 bits, so it is two halves. */
export class Bits {
  constructor(
    public low = 0,
    public high = 0,
  ) {}

  get isEmpty(): boolean {
    return this.low === 0 && this.high === 0;
  }

  has(bit: number): boolean {
    return ((bit < half ? this.low >> bit : this.high >> (bit - half)) & 1) === 1;
  }

  add(bit: number): void {
    if (bit < half) this.low |= 1 << bit;
    else this.high |= 1 << (bit - half);
  }

  delete(bit: number): void {
    if (bit < half) this.low &= ~(1 << bit);
    else this.high &= ~(1 << (bit - half));
  }

  addAll({ low, high }: Bits): void {
    this.low |= low;
    this.high |= high;
  }

  get size(): number {
    return [...this].length;
  }

  /** In rising order. */
  *[Symbol.iterator](): Iterator<number> {
    for (let bit = 0; bit < 2 * half; bit += 1) if (this.has(bit)) yield bit;
  }
}
