import type { Alert } from '../contract/alert.js';
import type { Point, Reading } from '../contract/reading.js';
import type { Detector, Filter, Reducer } from './filter.js';

export interface PipelineOptions {
  readonly filters?: readonly Filter[];
  /** They see what the filters let through. */
  readonly detectors?: readonly Detector[];
  readonly reducer: Reducer;
}

/** The steps of one series, in the order filters → detectors → reducer. */
export class Pipeline {
  private readonly filters: readonly Filter[];
  private readonly detectors: readonly Detector[];
  private readonly reducer: Reducer;

  constructor({ filters = [], detectors = [], reducer }: PipelineOptions) {
    this.filters = filters;
    this.detectors = detectors;
    this.reducer = reducer;
  }

  /** Appends what the reading becomes to `points` and `alerts`. */
  push(reading: Reading, points: Point[], alerts: Alert[]): void {
    this.pass(reading, 0, points, alerts);
  }

  /** Appends the windows that ended by `nowUs`; Infinity ends them all. */
  flush(nowUs: number, points: Point[]): void {
    for (const point of this.reducer.flush(nowUs)) points.push(point);
  }

  /** Counts the readings that filters left out since the last call; returns how many. */
  takeDropped(count: (reason: string, readings: number) => void): number {
    let total = 0;
    for (const filter of this.filters) {
      for (const [reason, readings] of filter.takeDropped()) {
        count(reason, readings);
        total += readings;
      }
    }
    return total;
  }

  private pass(reading: Reading, step: number, points: Point[], alerts: Alert[]): void {
    const filter = this.filters[step];
    if (!filter) return this.finish(reading, points, alerts);
    for (const passed of filter.push(reading)) this.pass(passed, step + 1, points, alerts);
  }

  private finish(reading: Reading, points: Point[], alerts: Alert[]): void {
    for (const detector of this.detectors) {
      const alert = detector.push(reading);
      if (alert) alerts.push(alert);
    }
    for (const point of this.reducer.push(reading)) points.push(point);
  }
}

/** How many readings a point counts for: those of its window, itself, or none if it was counted elsewhere. */
export function readingsOf(point: Point): number {
  return point.form === 'context' ? 0 : (point.window?.count ?? 1);
}
