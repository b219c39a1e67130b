import { numericValue, type Reading } from '../../contract/reading.js';
import type { Filter } from '../filter.js';
import { isUndoubted, marked } from './marking.js';

const nothingDropped: ReadonlyMap<string, number> = new Map();

export interface StuckOptions {
  /** How long, in microseconds of the readings' own time, a value must have stayed the same. */
  readonly afterUs: number;
  /** How many readings it must have been the same, the first included; 2 or more. Default 3. */
  readonly readings?: number;
  /** Values no further apart than this, in the sensor's unit, are the same. Default 0. */
  readonly tolerance?: number;
}

/**
 * Marks readings as `stuck` whose value has been the same for too long, until it changes. The readings before that were
 * good for all that was known then. Text passes; time that goes back begins anew.
 */
export class Stuck implements Filter {
  private readonly afterUs: number;
  private readonly readings: number;
  private readonly tolerance: number;
  private value = NaN;
  private sinceUs = NaN;
  private same = 0;

  constructor({ afterUs, readings = 3, tolerance = 0 }: StuckOptions) {
    if (!(afterUs >= 0 && readings >= 2 && tolerance >= 0)) throw new RangeError('a stuck filter of no such limits');
    this.afterUs = afterUs;
    this.readings = readings;
    this.tolerance = tolerance;
  }

  push(reading: Reading): readonly Reading[] {
    const value = numericValue(reading.value);
    if (value === undefined || !isUndoubted(reading)) return [reading];
    const { timeUs } = reading;
    if (!(Math.abs(value - this.value) <= this.tolerance) || timeUs < this.sinceUs) {
      this.value = value;
      this.sinceUs = timeUs;
      this.same = 1;
      return [reading];
    }
    this.same += 1;
    const isStuck = this.same >= this.readings && timeUs - this.sinceUs >= this.afterUs;
    return [isStuck ? marked(reading, 'stuck') : reading];
  }

  shift(byUs: number): void {
    this.sinceUs += byUs;
  }

  takeDropped(): ReadonlyMap<string, number> {
    return nothingDropped;
  }
}
