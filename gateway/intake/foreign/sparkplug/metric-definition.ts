import type { Value } from '#core/contract/reading.js';
import { quantityOf, toName } from './names.js';
import type { Metric } from './payload.js';
import { metricUnit, type MetricUnit } from './units.js';

/** What a birth says of a metric. */
export interface MetricDefinition {
  /** As the edge node writes it. */
  readonly name: string;
  readonly sensor: string;
  readonly quantity: string;
  readonly unit: MetricUnit | undefined;
  readonly labels: Readonly<Record<string, string>> | undefined;
  readonly datatype: number | undefined;
  readonly transient: boolean;
  /** Outlives births, so that what a rebirth says again keeps its stamp. */
  readonly stamps: LastStamp;
}

/** `earlier` is what the birth before said of the metric of this name. */
export function defineMetric(metric: Metric, name: string, earlier: MetricDefinition | undefined): MetricDefinition {
  const sensor = toName(name);
  return {
    name,
    sensor,
    quantity: quantityOf(name),
    unit: metricUnit(metric.properties),
    labels: sensor === name ? undefined : { metric: name.slice(0, 128) },
    datatype: metric.datatype,
    transient: metric.transient,
    stamps: earlier?.stamps ?? new LastStamp(),
  };
}

/** What the protocol needs for itself: no measurement, and never stored. */
export function isControl(name: string): boolean {
  return name === 'bdSeq' || name.startsWith('Node Control/') || name.startsWith('Device Control/');
}

/**
 * Sparkplug counts milliseconds, and two readings of one sensor never share a stamp: of values of one millisecond each
 * other one comes a microsecond later. The same value again is the same reading again, as births repeat it.
 */
export class LastStamp {
  private timeMs = NaN;
  private offsetUs = 0;
  private value: Value | undefined;

  /** The stamp, in microseconds, of a value of the millisecond; undefined if it was the last that was said. */
  of(timeMs: number, value: Value): number | undefined {
    if (timeMs !== this.timeMs) {
      this.timeMs = timeMs;
      this.offsetUs = 0;
    } else if (value === this.value) return undefined;
    else this.offsetUs = Math.min(this.offsetUs + 1, 999);
    this.value = value;
    return timeMs * 1000 + this.offsetUs;
  }
}
