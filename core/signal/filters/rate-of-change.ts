import type { Reading } from '../../contract/reading.js';
import type { Filter } from '../filter.js';
import { isUndoubted, marked } from './marking.js';

export const rateMarks = ['uncertain', 'spike'] as const;

const nothingDropped: ReadonlyMap<string, number> = new Map();

export interface RateOfChangeOptions {
  /** The fastest change that the measured thing is capable of, in the sensor's unit per second. */
  readonly maxPerSecond: number;
  /** A step is believed with its so-many-th reading in a row that fits the ones before it. Default 3. */
  readonly believeAfter?: number;
  /** What a faster reading is marked as. Default `uncertain`: a single reading cannot tell a spike from a step. */
  readonly mark?: (typeof rateMarks)[number];
}

/**
 * Doubts a reading that is further from the last one believed than the time between them allows. The longer nothing is
 * believed the more is allowed, and readings that agree with each other are believed after a few: a true step costs
 * `believeAfter - 1` marks. Doubted readings, text and booleans pass unseen; time that goes back begins anew.
 */
export class RateOfChange implements Filter {
  private readonly maxPerUs: number;
  private readonly believeAfter: number;
  private readonly mark: (typeof rateMarks)[number];
  private believedUs = NaN;
  private believed = NaN;
  /** The last reading that was too fast, and how many of them in a row agree. */
  private doubtedUs = NaN;
  private doubted = NaN;
  private run = 0;

  constructor({ maxPerSecond, believeAfter = 3, mark = 'uncertain' }: RateOfChangeOptions) {
    if (!(maxPerSecond > 0)) throw new RangeError(`a greatest rate of ${maxPerSecond} per second`);
    this.maxPerUs = maxPerSecond / 1e6;
    this.believeAfter = believeAfter;
    this.mark = mark;
  }

  push(reading: Reading): readonly Reading[] {
    const { value, timeUs } = reading;
    if (typeof value !== 'number' || !isUndoubted(reading)) return [reading];
    if (!(timeUs > this.believedUs) || this.isWithin(value - this.believed, timeUs - this.believedUs)) {
      return this.believe(reading, value);
    }
    const agrees = timeUs > this.doubtedUs && this.isWithin(value - this.doubted, timeUs - this.doubtedUs);
    this.run = agrees ? this.run + 1 : 1;
    this.doubtedUs = timeUs;
    this.doubted = value;
    return this.run >= this.believeAfter ? this.believe(reading, value) : [marked(reading, this.mark)];
  }

  shift(byUs: number): void {
    this.believedUs += byUs;
    this.doubtedUs += byUs;
  }

  takeDropped(): ReadonlyMap<string, number> {
    return nothingDropped;
  }

  private isWithin(change: number, inUs: number): boolean {
    return Math.abs(change) <= this.maxPerUs * inUs;
  }

  private believe(reading: Reading, value: number): readonly Reading[] {
    this.believedUs = reading.timeUs;
    this.believed = value;
    this.doubtedUs = NaN;
    this.run = 0;
    return [reading];
  }
}
