import { windowSum, type RollupParts } from '#core/contract/reading.js';
import { floatText, stringText } from './fields.js';
import { parseTimeUs } from './flux.js';
import type { FluxRow } from './influx-client.js';
import type { Series } from './series-registry.js';
import type { RollupForm } from './tiers.js';

/** Parts that know when their first and last were, so that two of one bucket can be merged. */
export interface TimedParts extends RollupParts {
  firstUs: number;
  lastUs: number;
}

/** A stored rollup: what one form contributed to one bucket of one series. */
export interface RollupRow {
  readonly series: Series;
  readonly form: RollupForm;
  readonly bucketUs: number;
  readonly parts: TimedParts;
}

/** Adds `from` to `into`. */
export function mergeParts(into: TimedParts, from: TimedParts): void {
  into.sum += from.sum;
  into.weight += from.weight;
  into.count += from.count;
  into.min = Math.min(into.min, from.min);
  into.max = Math.max(into.max, from.max);
  if (from.firstUs < into.firstUs) [into.first, into.firstUs] = [from.first, from.firstUs];
  if (from.lastUs > into.lastUs) [into.last, into.lastUs] = [from.last, from.lastUs];
}

export function partsOfReading(value: number, timeUs: number): TimedParts {
  const stamps = { firstUs: timeUs, lastUs: timeUs };
  return { sum: value, weight: 1, count: 1, min: value, max: value, first: value, last: value, ...stamps };
}

export function partsOfWindow(
  mean: number,
  window: { readonly count: number; readonly min: number; readonly max: number; first: number; last: number },
  timeUs: number,
): TimedParts {
  const { count, min, max, first, last } = window;
  const sum = windowSum(mean, { ...window, spanUs: 0 });
  return { sum, weight: count, count, min, max, first, last, firstUs: timeUs, lastUs: timeUs };
}

/** A rollup in line protocol; `applied` is for buckets that are no longer computed from their points. */
export function rollupLine({ series, form, bucketUs, parts }: RollupRow, applied?: string): string {
  const sum = finite(parts.sum);
  const { weight, count, min, max, first, last, firstUs, lastUs } = parts;
  const floats = { value: finite(sum / weight), sum, weight, min, max, first, last };
  const texts = Object.entries(floats).map(([name, value]) => `${name}=${floatText(value)}`);
  texts.push(`count=${count}i`, `firstUs=${firstUs}i`, `lastUs=${lastUs}i`);
  if (applied !== undefined) texts.push(`applied=${stringText(applied)}`);
  return `${series.prefix(form, bucketUs)}${texts.join(',')} ${bucketUs}`;
}

/** InfluxDB stores no infinity, which the sum of huge readings may reach. */
function finite(value: number): number {
  if (Number.isNaN(value)) return 0;
  return Math.min(Number.MAX_VALUE, Math.max(-Number.MAX_VALUE, value));
}

/** A float as Flux answers it. Only a sum may have overflowed. */
export function parseFloatText(text: string): number {
  const value = Number(text);
  if (!Number.isNaN(value)) return value;
  if (text === '+Inf') return Number.MAX_VALUE;
  return text === '-Inf' ? -Number.MAX_VALUE : 0;
}

/** The parts in a row of a rollup bucket whose fields are columns; undefined if it is not a complete rollup. */
export function readParts(row: FluxRow): TimedParts | undefined {
  const number = (column: string) => Number(row.get(column) || Number.NaN);
  const [count, min, max, first, last] = ['count', 'min', 'max', 'first', 'last'].map(number) as [
    number,
    number,
    number,
    number,
    number,
  ];
  if (!(count > 0)) return undefined;
  const timeUs = rowTimeUs(row);
  const stamp = (column: string) => (row.get(column) ? number(column) : timeUs);
  const [sum, weight] = [number('sum'), number('weight')];
  return { sum, weight, count, min, max, first, last, firstUs: stamp('firstUs'), lastUs: stamp('lastUs') };
}

export function rowTimeUs(row: FluxRow): number {
  return parseTimeUs(row.get('_time')!);
}
