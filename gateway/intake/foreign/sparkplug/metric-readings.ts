import type { ContractErrorCode } from '#core/contract/contract-error.js';
import type { Quality, Value } from '#core/contract/reading.js';
import type { ForeignMessage, ForeignReading, ForeignRefusal } from '../foreign.js';
import { readingValue, UnfitValue } from './datatypes.js';
import { isControl, type MetricDefinition } from './metric-definition.js';
import type { Metric, Payload, PropertyValue } from './payload.js';

/** What the metrics of one message say. */
export interface MetricReadings {
  readonly readings: readonly ForeignReading[];
  readonly refused: readonly ForeignRefusal[];
}

/** Tells what a metric is; undefined if no birth said so. */
export type Resolve = (metric: Metric) => MetricDefinition | undefined;

/**
 * The readings among the metrics: each that has a value, is no control of the protocol, and is not transient, which by
 * the specification is not to be stored, and that was not the last to be said before. What is historical is a reading like any other: its time tells.
 */
export function metricReadings(payload: Payload, message: ForeignMessage, resolve: Resolve): MetricReadings {
  const readings: ForeignReading[] = [];
  const refused = new Refused();
  for (const metric of payload.metrics) {
    if (metric.name !== undefined && isControl(metric.name)) continue;
    const definition = resolve(metric);
    if (!definition) {
      refused.add(metric.name === undefined && metric.alias === undefined ? 'schema' : 'unknown-metric', metric);
      continue;
    }
    if (isControl(definition.name) || definition.transient || metric.transient || metric.isNull) continue;
    const value = valueOf(metric, definition);
    if (value instanceof UnfitValue) {
      refused.add('schema', metric, `${definition.name}: ${value.detail}`);
      continue;
    }
    const said = reading(metric, definition, value, payload, message);
    if (said) readings.push(said);
  }
  return { readings, refused: refused.list() };
}

function valueOf(metric: Metric, definition: MetricDefinition): Value | UnfitValue {
  const datatype = metric.datatype ?? definition.datatype;
  if (datatype === undefined) return new UnfitValue('no datatype');
  if (metric.value === undefined) return new UnfitValue('no value');
  return readingValue(datatype, metric.value);
}

function reading(
  metric: Metric,
  definition: MetricDefinition,
  value: Value,
  payload: Payload,
  message: ForeignMessage,
): ForeignReading | undefined {
  const { sensor, quantity, unit, labels, stamps } = definition;
  const convert = unit?.convert;
  const converted = convert && typeof value === 'number' ? convert(value) : value;
  // Zero is what writers leave who have no clock.
  const timeMs = metric.timeMs || payload.timeMs;
  const timeUs = timeMs ? stamps.of(timeMs, converted) : message.receivedUs;
  if (timeUs === undefined) return undefined;
  const quality = qualityOf(metric.properties);
  const said = { sensor, timeUs, value: converted, quality, quantity, unit: unit?.unit, labels };
  return timeMs ? said : { ...said, atReceipt: true };
}

/** The codes of the property `Quality`: bad, good, stale. One that is good need not say so. */
const qualities = new Map<PropertyValue | undefined, Quality>([
  [undefined, 'good'],
  [192, 'good'],
  [0, 'bad'],
]);

function qualityOf(properties: ReadonlyMap<string, PropertyValue>): Quality {
  return qualities.get(properties.get('Quality') ?? properties.get('quality')) ?? 'uncertain';
}

/** Counts by reason; the first of each is described. */
class Refused {
  private readonly reasons = new Map<ContractErrorCode, { detail: string; readings: number }>();

  add(reason: ContractErrorCode, metric: Metric, detail = describe(metric)): void {
    const known = this.reasons.get(reason);
    if (known) known.readings += 1;
    else this.reasons.set(reason, { detail: detail.slice(0, 200), readings: 1 });
  }

  list(): ForeignRefusal[] {
    return [...this.reasons].map(([reason, rest]) => ({ reason, ...rest }));
  }
}

function describe({ name, alias }: Metric): string {
  if (name !== undefined) return `no birth told of ${name}`;
  return alias === undefined ? 'a metric without name and alias' : `no birth told of alias ${alias}`;
}
