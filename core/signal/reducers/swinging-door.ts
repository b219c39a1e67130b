import type { Reading } from '../../contract/reading.js';
import { LineReducer } from './line-reducer.js';
import { roundingMargin } from './rounding-margin.js';

/**
 * Swinging door: only true readings are sent, and the lines between them are less than twice the tolerance from any
 * reading. Where that is too much, `Swing` keeps to the tolerance itself.
 *
 * E. H. Bristol: "Swinging door trending: Adaptive trend recording?", ISA National Conference Proceedings (1990)
 * 749–753. Two doors are hinged one tolerance above and below the last point sent; each reading may open them further,
 * never close them; once they are open wider than parallel the reading before is sent.
 */
export class SwingingDoor extends LineReducer {
  private startValue = 0;
  private upperSlope = -Infinity;
  private lowerSlope = Infinity;
  private taken = 0;
  private newest = 0;

  protected begin(_timeUs: number, value: number): void {
    this.startValue = this.newest = value;
    this.upperSlope = -Infinity;
    this.lowerSlope = Infinity;
    this.taken = 0;
  }

  protected take(reading: Reading): boolean {
    const value = reading.value as number;
    const run = reading.timeUs - this.startUs;
    const rise = value - this.startValue;
    const hinge = this.tolerance - roundingMargin(this.startValue, value);
    if (hinge <= 0 && this.taken > 0) return false;
    const upper = Math.max(this.upperSlope, (rise - hinge) / run);
    const lower = Math.min(this.lowerSlope, (rise + hinge) / run);
    if (upper > lower && this.taken > 0) return false;
    this.upperSlope = upper;
    this.lowerSlope = lower;
    this.taken += 1;
    this.newest = value;
    return true;
  }

  protected endValue(): number {
    return this.newest;
  }
}
