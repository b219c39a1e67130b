import type { Alert } from '../../contract/alert.js';
import { numericValue, type Reading } from '../../contract/reading.js';
import type { Detector } from '../filter.js';
import { NoveltyDetector } from './novelty.js';

/** Above what scores best in the benchmark, for a false alert costs a person more than it costs there. */
export const defaultThreshold = 0.6;

export interface AnomalyOptions {
  readonly rule: string;
  readonly severity: Alert['severity'];
  /** The score, above 0 and below 1, from which a reading is an anomaly. Default `defaultThreshold`. */
  readonly threshold?: number;
  /** Values that are learned from before the first alert. Default 750. */
  readonly warmup?: number;
  /** Not each reading is looked at, but the mean of each UTC-aligned span of so many microseconds. Default 0: each. */
  readonly spanUs?: number;
  /** For the message only. */
  readonly unit?: string;
}

/** Sensors' nonsense, which would spoil what is learned; a marked spike and a stuck value are what it looks for. */
const unseen: ReadonlySet<string> = new Set(['bad', 'out-of-range']);
/** The alert is cleared when the surprise has come down to this share of what raised it. */
const clearedShare = 0.5;

/**
 * Raises an alert when a series behaves as it never did, and clears it when the series is as usual again, or has been
 * long enough to be called usual. `value` and `threshold` of the alert are scores; the message tells the reading.
 */
export class Anomaly implements Detector {
  private readonly novelty: NoveltyDetector;
  private readonly threshold: number;
  private readonly spanUs: number;
  private raisedAt: number | undefined;
  private span = NaN;
  private sum = 0;
  private count = 0;

  constructor(private readonly options: AnomalyOptions) {
    const { threshold = defaultThreshold, warmup = 750, spanUs = 0 } = options;
    if (!(threshold > 0 && threshold < 1)) throw new RangeError(`an anomaly threshold of ${threshold}`);
    this.novelty = new NoveltyDetector({ warmup });
    this.threshold = threshold;
    this.spanUs = spanUs;
  }

  push(reading: Reading): Alert | undefined {
    if (unseen.has(reading.quality)) return undefined;
    const value = numericValue(reading.value);
    if (value === undefined || !Number.isFinite(value)) return undefined;
    return this.spanUs > 0 ? this.gather(reading, value) : this.judge(reading, reading.timeUs, value);
  }

  shift(byUs: number): void {
    this.novelty.shift(byUs);
  }

  /** Judges the span before, when a reading of another one has come. */
  private gather(reading: Reading, value: number): Alert | undefined {
    const span = Math.floor(reading.timeUs / this.spanUs);
    const ended = this.count > 0 && span !== this.span;
    const alert = ended ? this.judge(reading, this.span * this.spanUs, this.sum / this.count) : undefined;
    this.sum = ended ? value : this.sum + value;
    this.count = ended ? 1 : this.count + 1;
    this.span = span;
    return alert;
  }

  private judge(reading: Reading, timeUs: number, value: number): Alert | undefined {
    const score = this.novelty.push(timeUs, value);
    const { deviations } = this.novelty;
    if (this.raisedAt !== undefined) {
      if (deviations > clearedShare * this.raisedAt) return undefined;
      this.raisedAt = undefined;
      return this.change('cleared', reading, value, score);
    }
    if (score < this.threshold) return undefined;
    this.raisedAt = deviations;
    return this.change('raised', reading, value, score);
  }

  private change(state: Alert['state'], { sensor, timeUs }: Reading, value: number, score: number): Alert {
    const { rule, severity, unit = '' } = this.options;
    const shown = `${Number(value.toPrecision(6))} ${unit}`.trim();
    const message =
      state === 'raised'
        ? `${sensor} behaves as never before at ${shown}: anomaly score ${score.toFixed(2)}`
        : `${sensor} is no longer unusual at ${shown}`;
    return { sensor, rule, state, severity, timeUs, value: score, threshold: this.threshold, message };
  }
}
