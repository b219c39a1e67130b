import { PSquare } from './p-square.js';

const firstCapacity = 64;
const defaultExact = 8192;

/**
 * A percentile of the numbers since it was last taken, by nearest rank: exact for up to `exact` of them, which is how
 * many it keeps; an estimate beyond, so that memory is bounded.
 */
export class Percentile {
  private kept = new Float64Array(firstCapacity);
  private size = 0;
  private estimate: PSquare | undefined;

  /** `fraction` lies between 0 and 1. `exact`: 5 or more. */
  constructor(
    private readonly fraction: number,
    private readonly exact = defaultExact,
  ) {
    if (!(fraction > 0 && fraction < 1)) throw new RangeError(`a percentile of ${fraction}`);
    if (!(exact >= 5)) throw new RangeError('a percentile needs five numbers or more to begin an estimate');
  }

  push(value: number): void {
    if (this.estimate) return this.estimate.push(value);
    if (this.size === this.exact) {
      this.estimate = new PSquare(this.fraction, this.sorted());
      return this.estimate.push(value);
    }
    if (this.size === this.kept.length) this.grow();
    this.kept[this.size] = value;
    this.size += 1;
  }

  /** The percentile; the next number begins anew. NaN if there was none. */
  take(): number {
    const value = this.estimate ? this.estimate.value : this.rank();
    this.size = 0;
    this.estimate = undefined;
    return value;
  }

  private rank(): number {
    return this.sorted()[Math.ceil(this.fraction * this.size) - 1] ?? NaN;
  }

  private sorted(): Float64Array {
    return this.kept.subarray(0, this.size).sort();
  }

  private grow(): void {
    const kept = new Float64Array(Math.min(this.exact, this.kept.length * 2));
    kept.set(this.kept);
    this.kept = kept;
  }
}
