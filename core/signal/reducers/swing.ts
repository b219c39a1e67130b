import type { Reading } from '../../contract/reading.js';
import { LineReducer } from './line-reducer.js';
import { roundingMargin, shortestWithin } from './rounding-margin.js';

/** The share of the tolerance that an end may move by to become a shorter number. */
const leewayShare = 0.1;

/**
 * The swing filter: connected lines, none of which is ever further than the tolerance from any reading of its time.
 *
 * H. Elmeleegy, A. K. Elmagarmid, E. Cecchet, W. G. Aref, W. Zwaenepoel: "Online Piece-wise Linear Approximation of
 * Numerical Streams with Precision Guarantees", PVLDB 2 (2009) 145–156. From the start of a piece two bounds are swung
 * together so that each line between them passes every reading within the tolerance; a reading beyond them ends the
 * piece. Of the lines that are left the one with the least squared error is taken, clamped to the bounds, which also
 * clamps its end: so the next piece may begin there. The end is rounded to a short decimal inside the bounds, and the
 * tolerance narrowed by what rounding may do to a reader's arithmetic, so that the bound holds for what is sent.
 */
export class Swing extends LineReducer {
  private startValue = 0;
  private lowSlope = -Infinity;
  private highSlope = Infinity;
  /** Sums of rise × run and of run², of the readings since the start. */
  private riseRun = 0;
  private runRun = 0;
  private taken = 0;
  private newest = 0;

  protected begin(_timeUs: number, value: number): void {
    this.startValue = value;
    this.lowSlope = -Infinity;
    this.highSlope = Infinity;
    this.riseRun = this.runRun = this.taken = 0;
  }

  protected take(reading: Reading): boolean {
    const value = reading.value as number;
    const run = reading.timeUs - this.startUs;
    const rise = value - this.startValue;
    const allowed = this.tolerance - roundingMargin(this.startValue, value);
    // Where doubles are coarser than the tolerance only two points make a line: then the bounds must exclude a third.
    if (allowed <= 0 && this.taken > 0) return false;
    const low = Math.max(this.lowSlope, (rise - allowed) / run);
    const high = Math.min(this.highSlope, (rise + allowed) / run);
    if (low > high && this.taken > 0) return false;
    this.lowSlope = low;
    this.highSlope = high;
    this.riseRun += rise * run;
    this.runRun += run * run;
    this.taken += 1;
    this.newest = value;
    return true;
  }

  protected endValue(): number {
    // A line to a single reading passes it.
    if (this.taken <= 1) return this.newest;
    const run = this.lastUs - this.startUs;
    const [low, high] = [this.startValue + this.lowSlope * run, this.startValue + this.highSlope * run];
    const best = this.startValue + (this.riseRun / this.runRun) * run;
    return shortestWithin(Math.min(high, Math.max(low, best)), low, high, this.tolerance * leewayShare);
  }
}
