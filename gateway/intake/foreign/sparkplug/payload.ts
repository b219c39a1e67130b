import { ContractError } from '#core/contract/contract-error.js';
import { WireReader } from './wire-reader.js';

/** A Sparkplug B payload (org.eclipse.tahu.protobuf.Payload), as far as readings need it. Times are in milliseconds. */
export interface Payload {
  readonly timeMs?: number;
  readonly seq?: number;
  readonly metrics: readonly Metric[];
}

export interface Metric {
  name?: string;
  alias?: number;
  timeMs?: number;
  /** As in `DataType`; births have it, data need not. */
  datatype?: number;
  historical: boolean;
  transient: boolean;
  isNull: boolean;
  value?: MetricValue;
  /** Properties of a basic type, by their key. */
  readonly properties: Map<string, PropertyValue>;
}

export type PropertyValue = number | boolean | string;

/** The `oneof` of a metric's value. Integers have two readings: only the datatype knows whether there is a sign. */
export type MetricValue =
  | { readonly kind: 'integer'; readonly bits: 32 | 64; readonly signed: number; readonly unsigned: number }
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'string'; readonly value: string }
  /** Bytes, data sets, templates and extensions: not looked into. */
  | { readonly kind: 'other' };

/** As many as a catalogue has sensors. */
const maxMetrics = 10_000;
const maxProperties = 32;
/** A longer name or key is no name. */
const maxNameLength = 1024;

/** Reads a payload. Throws ContractError `bad-coding` or `too-large`; its work and memory are in proportion to the bytes. */
export function readPayload(bytes: Uint8Array): Payload {
  const reader = new WireReader(bytes);
  const payload: { timeMs?: number; seq?: number; metrics: Metric[] } = { metrics: [] };
  while (reader.next()) {
    if (reader.field === 1) payload.timeMs = reader.uint64();
    else if (reader.field === 2) {
      if (payload.metrics.length === maxMetrics)
        throw new ContractError('too-large', `more than ${maxMetrics} metrics`);
      payload.metrics.push(readMetric(reader.message()));
    } else if (reader.field === 3) payload.seq = reader.uint64();
    else reader.skip();
  }
  return payload;
}

function readMetric(reader: WireReader): Metric {
  const metric: Metric = { historical: false, transient: false, isNull: false, properties: new Map() };
  while (reader.next()) {
    switch (reader.field) {
      case 1:
        metric.name = readName(reader);
        break;
      case 2:
        metric.alias = readAlias(reader);
        break;
      case 3:
        metric.timeMs = reader.uint64();
        break;
      case 4:
        metric.datatype = reader.uint32();
        break;
      case 5:
        metric.historical = reader.bool();
        break;
      case 6:
        metric.transient = reader.bool();
        break;
      case 7:
        metric.isNull = reader.bool();
        break;
      case 9:
        readProperties(reader.message(), metric.properties);
        break;
      default:
        readMetricValue(reader, metric);
    }
  }
  return metric;
}

/** Of a `oneof` the last one counts. */
function readMetricValue(reader: WireReader, metric: Metric): void {
  const { field } = reader;
  if (field >= 10 && field <= 15) metric.value = readValue(reader, field - 10);
  else {
    reader.skip();
    if (field >= 16 && field <= 19) metric.value = { kind: 'other' };
  }
}

/** The six basic types come in this order in every `oneof` of the schema. */
function readValue(reader: WireReader, type: number): MetricValue {
  switch (type) {
    case 0: {
      const unsigned = reader.uint32();
      return { kind: 'integer', bits: 32, signed: unsigned | 0, unsigned };
    }
    case 1:
      return { kind: 'integer', bits: 64, ...reader.int64() };
    case 2:
      return { kind: 'float', value: reader.float() };
    case 3:
      return { kind: 'float', value: reader.double() };
    case 4:
      return { kind: 'boolean', value: reader.bool() };
    default:
      return { kind: 'string', value: reader.string() };
  }
}

/** Keys and values are two lists of one length. Properties with properties of their own are not looked into. */
function readProperties(reader: WireReader, properties: Map<string, PropertyValue>): void {
  const keys: string[] = [];
  const values: (PropertyValue | undefined)[] = [];
  while (reader.next()) {
    const list = reader.field === 1 ? keys : values;
    if (reader.field > 2 || list.length === maxProperties) reader.skip();
    else if (reader.field === 1) keys.push(readName(reader));
    else values.push(readPropertyValue(reader.message()));
  }
  for (const [index, key] of keys.entries()) {
    const value = values[index];
    if (value !== undefined) properties.set(key, value);
  }
}

function readPropertyValue(reader: WireReader): PropertyValue | undefined {
  let value: PropertyValue | undefined;
  let isNull = false;
  while (reader.next()) {
    if (reader.field === 2) isNull = reader.bool();
    else if (reader.field >= 3 && reader.field <= 8) value = plain(readValue(reader, reader.field - 3));
    else reader.skip();
  }
  return isNull ? undefined : value;
}

function plain(value: MetricValue): PropertyValue | undefined {
  if (value.kind === 'integer') return value.signed;
  return value.kind === 'other' ? undefined : value.value;
}

function readName(reader: WireReader): string {
  const name = reader.string();
  if (name.length > maxNameLength) throw new ContractError('too-large', `a name of ${name.length} characters`);
  return name;
}

function readAlias(reader: WireReader): number {
  const alias = reader.uint64();
  // Two aliases beyond 2^53 could be the same double.
  if (!Number.isSafeInteger(alias)) throw new ContractError('schema', 'an alias of more than 53 bits');
  return alias;
}
