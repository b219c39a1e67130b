import { SlidingMaximum } from './sliding-maximum.js';

export interface PeakOptions {
  /** Readings that the surprise is averaged over. */
  readonly smoothing: number;
  /** Bits that are added to the standard deviation of the surprise: less than that is never remarkable. */
  readonly floorBits: number;
  /** Readings that the usual surprise is averaged over at most. */
  readonly memory: number;
  /** A peak is the highest of this many readings, and for as many after it only one `factor` times as high counts. */
  readonly apart: number;
  readonly factor: number;
}

/** An average of fewer says nothing. */
const firstReadings = 50;
const leastHeight = 0.3;
/** Beyond that a surprise moves the mean no more: an event does not make the next one usual. */
const clipDeviations = 4;

/**
 * Surprise in, rare peaks out. The surprise is smoothed and measured by its own mean and deviation, which makes sensors
 * comparable; it passes where it is the highest of a while, and then rests.
 */
export class NoveltyPeaks {
  /** By how many deviations the surprise exceeds its mean now. */
  deviations = 0;
  private readonly highest: SlidingMaximum;
  private smooth = 0;
  private mean = 0;
  private variance = 0;
  private seen = 0;
  private lastPeakAt = -Infinity;
  private lastPeak = 0;

  constructor(private readonly options: PeakOptions) {
    this.highest = new SlidingMaximum(options.apart);
  }

  get bytes(): number {
    return this.highest.bytes;
  }

  /** Takes the surprise of a reading, in bits; returns the height of the peak that it makes, 0 for none. */
  push(surprise: number): number {
    this.seen += 1;
    this.smooth += (surprise - this.smooth) / Math.min(this.options.smoothing, this.seen);
    this.deviations = this.measure();
    const isHighest = this.highest.push(this.deviations);
    return isHighest && this.seen > firstReadings && this.deviations > leastHeight ? this.peak(this.deviations) : 0;
  }

  private measure(): number {
    const deviation = Math.sqrt(this.variance) + this.options.floorBits;
    const distance = this.seen === 1 ? 0 : this.smooth - this.mean;
    this.learn(distance, clipDeviations * deviation);
    return distance / deviation;
  }

  private learn(distance: number, clip: number): void {
    const rate = 1 / Math.min(this.seen, this.options.memory);
    if (this.seen === 1) this.mean = this.smooth;
    const step = this.seen > firstReadings ? Math.max(-clip, Math.min(clip, distance)) : distance;
    this.mean += rate * step;
    this.variance += rate * (step * step * (1 - rate) - this.variance);
  }

  private peak(height: number): number {
    const { apart, factor } = this.options;
    if (this.seen - this.lastPeakAt < apart && height < factor * this.lastPeak) return 0;
    this.lastPeakAt = this.seen;
    this.lastPeak = height;
    return height;
  }
}
