import { windowSum, type RollupParts, type WindowParts } from '#core/contract/reading.js';
import type { TimedParts as SegmentParts } from '#core/signal/segment-rollup.js';
import { floatText, stringText } from './fields.js';
import { parseTimeUs } from './flux.js';
import type { FluxRow } from './flux-csv.js';
import type { Series } from './series-registry.js';
import type { RollupForm } from './tiers.js';

/**
 * Parts that know when their first and last were, so that two of one bucket can be merged. Raw readings and windows
 * weigh what they count, so there is no weight of its own; segments weigh the microseconds that they cover.
 */
export interface TimedParts extends Omit<RollupParts, 'weight'> {
  firstUs: number;
  lastUs: number;
  /** Of segments only. */
  coveredUs?: number;
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
  into.count += from.count;
  if (from.coveredUs !== undefined) into.coveredUs = (into.coveredUs ?? 0) + from.coveredUs;
  into.min = Math.min(into.min, from.min);
  into.max = Math.max(into.max, from.max);
  if (from.firstUs < into.firstUs) [into.first, into.firstUs] = [from.first, from.firstUs];
  if (from.lastUs > into.lastUs) [into.last, into.lastUs] = [from.last, from.lastUs];
}

export function partsOfReading(value: number, timeUs: number): TimedParts {
  return { sum: value, count: 1, min: value, max: value, first: value, last: value, firstUs: timeUs, lastUs: timeUs };
}

export function partsOfWindow(mean: number, window: WindowParts, timeUs: number): TimedParts {
  const { count, min, max, first, last } = window;
  return { sum: windowSum(mean, window), count, min, max, first, last, firstUs: timeUs, lastUs: timeUs };
}

export function partsOfSegments({ weight, ...parts }: SegmentParts): TimedParts {
  return { ...parts, coveredUs: weight };
}

/** Stands where segments gave something to a bucket and give nothing any more: InfluxDB's rows are only replaced. */
export function emptyParts(bucketUs: number): TimedParts {
  return { ...partsOfReading(0, bucketUs), count: 0, coveredUs: 0 };
}

/** A rollup in line protocol; `applied` is for buckets that are no longer computed from their points. */
export function rollupLine({ series, form, bucketUs, parts }: RollupRow, applied?: string): string {
  const sum = finite(parts.sum);
  const { count, min, max, first, last, firstUs, lastUs } = parts;
  const ends = `first=${floatText(first)},last=${floatText(last)},firstUs=${firstUs}i,lastUs=${lastUs}i`;
  const floats = `value=${floatText(finite(sum / (parts.coveredUs ?? count)))},sum=${floatText(sum)},min=${floatText(min)},max=${floatText(max)}`;
  const covered = parts.coveredUs === undefined ? '' : `,coveredUs=${parts.coveredUs}i`;
  const packs = applied === undefined ? '' : `,applied=${stringText(applied)}`;
  return `${series.prefix(form, bucketUs)}${floats},${ends},count=${count}i${covered}${packs} ${bucketUs}`;
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

/**
 * The parts in a row of a rollup bucket whose fields are columns; undefined if it is not a complete rollup. What a task
 * has computed has no stamps: then `first` stands for the bucket's start, and `last` for `lastUnknownUs` after it.
 */
export function readParts(row: FluxRow, lastUnknownUs = 0): TimedParts | undefined {
  const number = (column: string) => Number(row.get(column) || Number.NaN);
  const count = number('count');
  const coveredUs = row.get('form') === 'segment' ? number('coveredUs') : undefined;
  if (!((coveredUs ?? count) > 0)) return undefined;
  const timeUs = rowTimeUs(row);
  return {
    ...(coveredUs !== undefined && { coveredUs }),
    sum: number('sum'),
    count,
    min: number('min'),
    max: number('max'),
    first: number('first'),
    last: number('last'),
    firstUs: row.get('firstUs') ? number('firstUs') : timeUs,
    lastUs: row.get('lastUs') ? number('lastUs') : timeUs + lastUnknownUs,
  };
}

export function rowTimeUs(row: FluxRow): number {
  return parseTimeUs(row.get('_time')!);
}
