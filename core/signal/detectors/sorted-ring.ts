/**
 * The last `capacity` numbers, in order of arrival and in order of size, for running order statistics.
 * A push costs one pass over at most `capacity` numbers and allocates nothing: for the short windows of a spike filter
 * that is faster than any tree.
 */
export class SortedRing {
  private readonly arrived: Float64Array;
  private readonly sorted: Float64Array;
  private oldest = 0;
  private count = 0;

  constructor(readonly capacity: number) {
    this.arrived = new Float64Array(capacity);
    this.sorted = new Float64Array(capacity);
  }

  get size(): number {
    return this.count;
  }

  /** Adds a finite number, in place of the oldest one if the ring is full. */
  push(value: number): void {
    if (this.count < this.capacity) {
      this.arrived[(this.oldest + this.count) % this.capacity] = value;
      this.settle(this.count++, value);
      return;
    }
    const gone = this.arrived[this.oldest]!;
    this.arrived[this.oldest] = value;
    this.oldest = this.oldest + 1 === this.capacity ? 0 : this.oldest + 1;
    this.settle(this.placeOf(gone), value);
  }

  /** The middle number, or the mean of the two middle ones; NaN when empty. */
  median(): number {
    const low = this.sorted[(this.count - 1) >> 1];
    return low === undefined ? NaN : (low + this.sorted[this.count >> 1]!) / 2;
  }

  /** The median of the distances to `centre`, which must be the median: the distances grow outwards from it. */
  medianDeviation(centre: number): number {
    const middle = this.count >> 1;
    let left = ((this.count + 1) >> 1) - 1;
    let right = left + 1;
    let before = 0;
    let last = 0;
    for (let taken = 0; taken <= middle; taken += 1) {
      const down = left < 0 ? Infinity : centre - this.sorted[left]!;
      const up = right >= this.count ? Infinity : this.sorted[right]! - centre;
      before = last;
      if (down <= up) {
        last = down;
        left -= 1;
      } else {
        last = up;
        right += 1;
      }
    }
    return this.count % 2 === 1 ? last : (before + last) / 2;
  }

  /** Forgets all but the newest `size` numbers. */
  keepNewest(size: number): void {
    const kept = Math.min(size, this.count);
    const newest = Array.from({ length: kept }, (_, i) => this.at(this.count - kept + i));
    this.oldest = 0;
    this.count = 0;
    for (const value of newest) this.push(value);
  }

  private at(index: number): number {
    return this.arrived[(this.oldest + index) % this.capacity]!;
  }

  private placeOf(value: number): number {
    let place = 0;
    while (this.sorted[place] !== value) place += 1;
    return place;
  }

  /** Puts `value` into the free `place` and moves it to where it belongs. */
  private settle(place: number, value: number): void {
    const { sorted, count } = this;
    let to = place;
    for (; to > 0 && sorted[to - 1]! > value; to -= 1) sorted[to] = sorted[to - 1]!;
    for (; to < count - 1 && sorted[to + 1]! < value; to += 1) sorted[to] = sorted[to + 1]!;
    sorted[to] = value;
  }
}
