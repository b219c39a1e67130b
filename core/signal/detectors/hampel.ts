import type { Reading } from '../../contract/reading.js';
import { DropCount } from '../drop-count.js';
import type { Filter } from '../filter.js';
import { SortedRing } from './sorted-ring.js';

/** Makes the median absolute deviation of normal noise its standard deviation: 1 / Φ⁻¹(3/4). */
const madScale = 1.4826;

export const hampelModes = ['mark', 'drop', 'replace'] as const;

export interface HampelOptions {
  /** Readings that the median is taken over, the newest included; 3 or more. Default 15. */
  readonly window?: number;
  /** How many scaled MADs from the median a spike is. Default 5: in normal noise that marks 2 of 1,000 readings. */
  readonly threshold?: number;
  /** What never is a spike, in the sensor's unit: its noise step. It rules where the MAD is 0. Default 0. */
  readonly minDeviation?: number;
  /** The same as a share of the median. Default 0.01. */
  readonly minShare?: number;
  /** A longer run on one side of the median is a step, and the filter starts anew from it. Default 3. */
  readonly maxSpikeReadings?: number;
  /** `mark` sets quality `spike`, `drop` leaves out, `replace` puts the median and quality `uncertain`. Default `mark`. */
  readonly mode?: (typeof hampelModes)[number];
}

/**
 * The Hampel identifier on a trailing window, so that it delays nothing: a reading is a spike when it lies more than
 * `threshold` scaled MADs from the median of the window that it ends.
 *
 * L. Davies, U. Gather: "The Identification of Multiple Outliers", JASA 88 (1993) 782–792; R. K. Pearson et al.:
 * "Generalized Hampel Filters", EURASIP J. Adv. Signal Process. 2016:87. Their window is centred; a trailing one takes
 * half a window to follow a step, hence `maxSpikeReadings`. A MAD of 0 ("implosion") would make a spike of the least
 * noise, hence the two floors.
 *
 * Text, booleans and readings that are already doubted pass unchanged and unseen.
 */
export class Hampel implements Filter {
  private readonly ring: SortedRing;
  private readonly threshold: number;
  private readonly minDeviation: number;
  private readonly minShare: number;
  private readonly maxRun: number;
  private readonly mode: (typeof hampelModes)[number];
  private readonly minSize: number;
  private readonly dropped = new DropCount();
  /** Outliers in a row; negative below the median. */
  private run = 0;

  constructor(options: HampelOptions = {}) {
    const {
      window = 15,
      threshold = 5,
      minDeviation = 0,
      minShare = 0.01,
      maxSpikeReadings = 3,
      mode = 'mark',
    } = options;
    if (!Number.isInteger(window) || window < 3) throw new RangeError(`a Hampel window of ${window} readings`);
    if (maxSpikeReadings >= window) throw new RangeError('a Hampel window must be longer than the longest spike');
    this.ring = new SortedRing(window);
    this.threshold = threshold * madScale;
    this.minDeviation = minDeviation;
    this.minShare = minShare;
    this.maxRun = maxSpikeReadings;
    this.mode = mode;
    this.minSize = (window + 1) >> 1;
  }

  push(reading: Reading): readonly Reading[] {
    const { value, quality } = reading;
    if (typeof value !== 'number' || (quality !== 'good' && quality !== 'uncertain')) return [reading];
    this.ring.push(value);
    const median = this.ring.median();
    if (!this.isOutlier(value, median) || this.isStep(value > median ? 1 : -1)) return [reading];
    return this.spike(reading, median);
  }

  takeDropped(): ReadonlyMap<string, number> {
    return this.dropped.take();
  }

  private isOutlier(value: number, median: number): boolean {
    const distance = Math.abs(value - median);
    const floor = Math.max(this.minDeviation, this.minShare * Math.abs(median));
    const outlier =
      distance > floor &&
      this.ring.size >= this.minSize &&
      distance > this.threshold * this.ring.medianDeviation(median);
    if (!outlier) this.run = 0;
    return outlier;
  }

  private isStep(side: 1 | -1): boolean {
    this.run = this.run * side > 0 ? this.run + side : side;
    if (Math.abs(this.run) <= this.maxRun) return false;
    this.ring.keepNewest(Math.abs(this.run));
    this.run = 0;
    return true;
  }

  private spike(reading: Reading, median: number): readonly Reading[] {
    if (this.mode === 'mark') return [{ ...reading, quality: 'spike' }];
    if (this.mode === 'replace') return [{ ...reading, value: median, quality: 'uncertain' }];
    this.dropped.add('spike');
    return [];
  }
}
