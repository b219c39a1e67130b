import { numericValue, type Reading } from '../../contract/reading.js';
import { DropCount } from '../drop-count.js';
import type { Filter } from '../filter.js';
import { marked } from './marking.js';

export const rangeModes = ['mark', 'drop'] as const;

export interface RangeOptions {
  /** The least that the sensor can measure, in its unit. */
  readonly min?: number;
  /** The greatest. */
  readonly max?: number;
  /** `mark` sets quality `out-of-range`, `drop` leaves out under that reason. Default `mark`. */
  readonly mode?: (typeof rangeModes)[number];
}

/** Doubts what lies outside the range of the sensor. Text passes. */
export class Range implements Filter {
  private readonly min: number;
  private readonly max: number;
  private readonly mode: (typeof rangeModes)[number];
  private readonly dropped = new DropCount();

  /** Throws RangeError for a range that no value lies in. */
  constructor({ min = -Infinity, max = Infinity, mode = 'mark' }: RangeOptions) {
    if (!(min <= max)) throw new RangeError(`a range from ${min} to ${max}`);
    this.min = min;
    this.max = max;
    this.mode = mode;
  }

  push(reading: Reading): readonly Reading[] {
    const value = numericValue(reading.value);
    if (value === undefined || (value >= this.min && value <= this.max)) return [reading];
    if (this.mode === 'mark') return [marked(reading, 'out-of-range')];
    this.dropped.add('out-of-range');
    return [];
  }

  takeDropped(): ReadonlyMap<string, number> {
    return this.dropped.take();
  }
}
