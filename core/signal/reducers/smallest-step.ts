import type { Reading } from '../../contract/reading.js';

/** Changes that are looked at before a sensor's smallest step is believed. */
const learnedFrom = 256;
/** Two numbers that differ by less than this share of their size differ by the rounding of their decimals. */
const roundingShare = 1e-12;

/**
 * Learns the smallest step of one sensor, and says once whether the tolerance lies below it: then each flicker of the
 * last digit ends a piece, and little is saved.
 */
export class SmallestStep {
  private previous = NaN;
  private smallest = Infinity;
  private changes = 0;

  /** `onFiner` gets the smallest step, in the sensor's unit. */
  constructor(
    private readonly tolerance: number,
    private readonly onFiner: (smallestStep: number) => void,
  ) {}

  /** False when it has learned enough: it need not be asked again. */
  note({ value }: Reading): boolean {
    if (typeof value !== 'number') return true;
    const step = Math.abs(value - this.previous);
    const isChange = step > Math.abs(value) * roundingShare;
    this.previous = value;
    if (!isChange) return true;
    if (step < this.smallest) this.smallest = step;
    this.changes += 1;
    if (this.changes < learnedFrom) return true;
    if (this.tolerance < this.smallest * (1 - 1e-6)) this.onFiner(this.smallest);
    return false;
  }
}
