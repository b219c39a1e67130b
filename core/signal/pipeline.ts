import type { Alert } from '../contract/alert.js';
import type { Point, Reading } from '../contract/reading.js';
import type { AnomalyContext } from './anomaly-context.js';
import type { Detector, Filter, Reducer } from './filter.js';
import { pointOf } from './reducers/pass-through.js';

export interface PipelineOptions {
  readonly filters?: readonly Filter[];
  /** They see what the filters let through. */
  readonly detectors?: readonly Detector[];
  readonly reducer: Reducer;
  /** Sends the readings around an anomaly as well. */
  readonly context?: AnomalyContext;
}

/** The steps of one series, in the order filters → detectors → reducer. */
export class Pipeline {
  private readonly filters: readonly Filter[];
  private readonly detectors: readonly Detector[];
  private readonly reducer: Reducer;
  private readonly context: AnomalyContext | undefined;

  constructor({ filters = [], detectors = [], reducer, context }: PipelineOptions) {
    this.filters = filters;
    this.detectors = detectors;
    this.reducer = reducer;
    this.context = context;
  }

  /** Appends what the reading becomes to `points` and `alerts`. */
  push(reading: Reading, points: Point[], alerts: Alert[]): void {
    this.pass(reading, 0, points, alerts);
  }

  /** The same without the reducer: what is stamped with no known time cannot be aligned with UTC, and goes out as it is. */
  pushUnreduced(reading: Reading, points: Point[], alerts: Alert[]): void {
    const passed: Reading[] = [];
    this.filter(reading, 0, passed);
    for (const one of passed) {
      this.detect(one, alerts);
      points.push(pointOf(one, 'raw'));
    }
  }

  /** The clock was set by so many microseconds. What the reducer has open must have been flushed. */
  shift(byUs: number): void {
    for (const step of [...this.filters, ...this.detectors]) step.shift?.(byUs);
  }

  /** Appends the windows that ended by `nowUs`; Infinity ends them all. */
  flush(nowUs: number, points: Point[]): void {
    for (const point of this.reducer.flush(nowUs)) points.push(point);
  }

  /**
   * Counts the readings since the last call that no point counts for, because a filter left them out or points of a
   * reducer stand for them; returns how many.
   */
  takeDropped(count: (reason: string, readings: number) => void): number {
    let total = countDropped(this.reducer, count);
    for (const filter of this.filters) total += countDropped(filter, count);
    return total;
  }

  private pass(reading: Reading, step: number, points: Point[], alerts: Alert[]): void {
    const filter = this.filters[step];
    if (!filter) return this.finish(reading, points, alerts);
    for (const passed of filter.push(reading)) this.pass(passed, step + 1, points, alerts);
  }

  private filter(reading: Reading, step: number, passed: Reading[]): void {
    const filter = this.filters[step];
    if (!filter) passed.push(reading);
    else for (const one of filter.push(reading)) this.filter(one, step + 1, passed);
  }

  /** Whether it is an anomaly. */
  private detect(reading: Reading, alerts: Alert[]): boolean {
    let isAnomaly = reading.quality === 'spike';
    for (const detector of this.detectors) {
      const alert = detector.push(reading);
      if (!alert) continue;
      alerts.push(alert);
      if (alert.state === 'raised') isAnomaly = true;
    }
    return isAnomaly;
  }

  private finish(reading: Reading, points: Point[], alerts: Alert[]): void {
    const isAnomaly = this.detect(reading, alerts);
    const before = points.length;
    for (const point of this.reducer.push(reading)) points.push(point);
    this.context?.push(reading, isAnomaly, points, before);
  }
}

function countDropped(step: Pick<Reducer, 'takeDropped'>, count: (reason: string, readings: number) => void): number {
  let total = 0;
  for (const [reason, readings] of step.takeDropped?.() ?? []) {
    count(reason, readings);
    total += readings;
  }
  return total;
}

/** How many readings a point counts for: those of its window, itself, or none if it was counted elsewhere. */
export function readingsOf(point: Point): number {
  return point.form === 'context' ? 0 : (point.window?.count ?? 1);
}
