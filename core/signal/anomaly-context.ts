import type { Point, Reading } from '../contract/reading.js';
import { pointOf } from './reducers/pass-through.js';

export interface ContextOptions {
  /** How long before an anomaly readings still go out, in microseconds of their own time. */
  readonly beforeUs: number;
  /** How long after it. */
  readonly afterUs: number;
  /** The most readings before it that are kept in memory. Default 1024. */
  readonly maxReadings?: number;
}

/**
 * Lets an anomaly and the readings around it go out as they were, though a reducer counts them in other points: as form
 * `context`, which nobody counts a second time. A reading that the reducer itself has just sent unchanged is left out.
 */
export class AnomalyContext {
  private readonly ring: (Reading | undefined)[] = [];
  private oldest = 0;
  private kept = 0;
  private afterFromUs = Infinity;
  private afterToUs = -Infinity;
  private readonly beforeUs: number;
  private readonly afterUs: number;
  private readonly maxReadings: number;

  constructor({ beforeUs, afterUs, maxReadings = 1024 }: ContextOptions) {
    this.beforeUs = beforeUs;
    this.afterUs = afterUs;
    this.maxReadings = maxReadings;
  }

  /** Appends the context of one reading. `points` from `firstOwn` on are what the reducer made of it. */
  push(reading: Reading, isAnomaly: boolean, points: Point[], firstOwn: number): void {
    const { timeUs } = reading;
    const isOut = wasSent(reading, points, firstOwn);
    if (isAnomaly) {
      this.release(timeUs, points);
      this.afterFromUs = timeUs;
      this.afterToUs = timeUs + this.afterUs;
    }
    if (isOut) return;
    if (timeUs >= this.afterFromUs && timeUs <= this.afterToUs) points.push(pointOf(reading, 'context'));
    else if (this.beforeUs > 0) this.keep(reading);
  }

  private keep(reading: Reading): void {
    const { ring, maxReadings } = this;
    const place = this.oldest + this.kept;
    ring[place < maxReadings ? place : place - maxReadings] = reading;
    if (this.kept < maxReadings) this.kept += 1;
    else this.oldest = this.oldest + 1 === maxReadings ? 0 : this.oldest + 1;
    // What is too old is let go, so that memory holds no more than the time asked for.
    while (this.kept > 1 && Math.abs(reading.timeUs - ring[this.oldest]!.timeUs) > this.beforeUs) this.forgetOldest();
  }

  private release(anomalyUs: number, points: Point[]): void {
    while (this.kept > 0) {
      const reading = this.ring[this.oldest]!;
      if (reading.timeUs <= anomalyUs && reading.timeUs >= anomalyUs - this.beforeUs) {
        points.push(pointOf(reading, 'context'));
      }
      this.forgetOldest();
    }
  }

  private forgetOldest(): void {
    this.ring[this.oldest] = undefined;
    this.oldest = this.oldest + 1 === this.maxReadings ? 0 : this.oldest + 1;
    this.kept -= 1;
  }
}

function wasSent({ timeUs, value }: Reading, points: readonly Point[], from: number): boolean {
  for (let i = from; i < points.length; i += 1) {
    const point = points[i]!;
    if (point.form !== 'window' && point.timeUs === timeUs && point.value === value) return true;
  }
  return false;
}
