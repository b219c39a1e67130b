import { createHash } from 'node:crypto';
import { catalogueHash } from '#core/contract/catalogue.js';
import { encodePack } from '#core/contract/pack.js';
import type { Point, Reading } from '#core/contract/reading.js';
import type { CsvRow } from '#core/runtime/csv-series.js';
import type { Reducer } from '#core/signal/filter.js';
import { pointOf } from '#core/signal/reducers/pass-through.js';
import { segmentValue, type SegmentReading } from '#core/signal/segment-value.js';
import { UniqueStamps } from './agent/unique-stamps.js';
import { absoluteTolerance, createReducer, describeReduced, reduceSchema, type Tolerance } from './reduce.js';

export const fileReducers = ['swing', 'swinging-door', 'deadband', 'window'] as const;

export interface ReduceFileOptions {
  readonly reducer: (typeof fileReducers)[number];
  /** Absolute, or percent of `span`; not for `window`. */
  readonly tolerance?: Tolerance;
  /** What percent are of. Default: greatest less least value of the file. */
  readonly span?: number;
  /** For `window` only. */
  readonly windowMs?: number;
  /** The longest gap, in milliseconds, across which segments are read. Default: every gap. */
  readonly maxGapMs?: number;
}

export interface FileReduction {
  readonly reducer: ReduceFileOptions['reducer'];
  readonly span: number;
  /** Absolute; undefined for `window`. */
  readonly tolerance: number | undefined;
  /** What the error may be: twice the tolerance for `swinging-door`. */
  readonly bound: number | undefined;
  readonly readings: number;
  /** Rows without a number, which end a segment. */
  readonly notNumbers: number;
  readonly points: number;
  /** Readings for each point. */
  readonly ratio: number;
  /** Bytes of packs as they travel, of all readings and of the points kept; `json` before they are deflated. */
  readonly wire: { readonly raw: WireBytes; readonly reduced: WireBytes };
  /** The greatest distance of a reading from what the points say at its time; for `window`, from the mean. */
  readonly worst: { readonly error: number; readonly timestamp: string } | undefined;
  readonly boundHolds: boolean;
}

export interface WireBytes {
  readonly zlib: number;
  readonly json: number;
}

/** More than any file spans: every gap is bridged. */
const endlessUs = Number.MAX_SAFE_INTEGER;
const sensor = 'value';
const pointsPerPack = 500;

interface Row extends Reading {
  readonly value: number;
  readonly timestamp: string;
}

/** What a reducer would make of the rows of a file. Throws RangeError if there is nothing to reduce. */
export function reduceFile(rows: readonly CsvRow[], options: ReduceFileOptions): FileReduction {
  const series = rowsOf(rows);
  const numbers = series.filter(({ value }) => Number.isFinite(value));
  const [head] = numbers;
  if (!head) throw new RangeError('the file has no number');
  const span = options.span ?? spanOf(numbers);
  const { reducer, how, tolerance, bound } = reducerOf(options, span);
  const points = series.flatMap((row) => [...reducer.push(row)]);
  points.push(...reducer.flush(Infinity));
  const worst = worstError(numbers, points, how);
  let wire: FileReduction['wire'] | undefined;
  return {
    reducer: options.reducer,
    span,
    tolerance,
    bound,
    readings: numbers.length,
    notNumbers: series.length - numbers.length,
    points: points.length,
    ratio: numbers.length / points.length,
    // Packing takes longer than all the rest: it is done for who asks.
    get wire() {
      const raw = () => numbers.map((row) => pointOf(row, 'raw'));
      return (wire ??= { raw: wireBytes(raw()), reduced: wireBytes(points) });
    },
    worst,
    boundHolds: bound === undefined || worst === undefined || isWithin(worst.error, bound, options.reducer),
  };
}

/** Stamps that come twice are told apart, as an agent does. */
function rowsOf(rows: readonly CsvRow[]): Row[] {
  const stamps = new UniqueStamps();
  return rows.map(({ timeUs, value, timestamp }) => {
    return { sensor, timeUs: stamps.take(timeUs), value, quality: 'good', timestamp };
  });
}

function spanOf(rows: readonly Row[]): number {
  let [min, max] = [Infinity, -Infinity];
  for (const { value } of rows) {
    min = Math.min(min, value);
    max = Math.max(max, value);
  }
  return max - min;
}

interface FileReducer {
  readonly reducer: Reducer;
  readonly how: SegmentReading;
  readonly tolerance: number | undefined;
  readonly bound: number | undefined;
}

function reducerOf(options: ReduceFileOptions, span: number): FileReducer {
  const { reducer: name, windowMs = 3_600_000, maxGapMs } = options;
  const maxGapUs = maxGapMs === undefined ? endlessUs : maxGapMs * 1000;
  const channel = { quantity: sensor, unit: 'count' as const, labels: {}, interpolation: 'none' as const, maxGapUs };
  if (name === 'window') {
    const reducer = createReducer(reduceSchema.parse({ window: windowMs }), channel);
    return { reducer, how: channel, tolerance: undefined, bound: undefined };
  }
  // A flat file has no span, and any tolerance will do.
  const tolerance = absoluteTolerance(options.tolerance ?? '1%', span) || 1;
  const config = reduceSchema.parse({ [name === 'swinging-door' ? 'swingingDoor' : name]: tolerance });
  const how = describeReduced(config, channel);
  const bound = name === 'swinging-door' ? 2 * tolerance : tolerance;
  return { reducer: createReducer(config, how), how, tolerance, bound };
}

function isWithin(error: number, bound: number, reducer: ReduceFileOptions['reducer']): boolean {
  return reducer === 'swinging-door' ? error < bound || error === 0 : error <= bound;
}

/** A reading that travels itself has no error. */
function worstError(rows: readonly Row[], points: readonly Point[], how: SegmentReading): FileReduction['worst'] {
  const raw = new Set(points.filter(({ form }) => form === 'raw').map(({ timeUs }) => timeUs));
  const ordered = points.filter(({ form }) => form !== 'raw').sort((a, b) => a.timeUs - b.timeUs);
  let worst: FileReduction['worst'];
  let at = 0;
  for (const { timeUs, value, timestamp } of [...rows].sort((a, b) => a.timeUs - b.timeUs)) {
    if (raw.has(timeUs)) continue;
    while (at + 1 < ordered.length && ordered[at + 1]!.timeUs <= timeUs) at += 1;
    const error = Math.abs(value - readBack(ordered, at, timeUs, how));
    // What nobody can read back is infinitely wrong.
    if (!(error <= (worst?.error ?? -1))) worst = { error: Number.isNaN(error) ? Infinity : error, timestamp };
  }
  return worst;
}

function readBack(points: readonly Point[], at: number, timeUs: number, how: SegmentReading): number {
  const point = points[at];
  if (!point || point.timeUs > timeUs) return NaN;
  if (point.window) return timeUs < point.timeUs + point.window.spanUs ? (point.value as number) : NaN;
  return segmentValue(point, points[at + 1], timeUs, how) ?? NaN;
}

/** Packs as an agent cuts them when they are full. */
function wireBytes(points: readonly Point[]): WireBytes {
  const device = { site: 'site', device: 'device' };
  const catalogue = catalogueHash({ ...device, sensors: {} });
  const epoch = createHash('sha256').update('epoch').digest('hex').slice(0, 32);
  const units = new Map([[sensor, 'count']]);
  const bytes = { zlib: 0, json: 0 };
  for (let from = 0; from < points.length; from += pointsPerPack) {
    const some = points.slice(from, from + pointsPerPack);
    const pack = { ...device, catalogue, epoch, seq: from / pointsPerPack, points: some };
    bytes.zlib += encodePack(pack, units, 'zlib').byteLength;
    bytes.json += encodePack(pack, units, 'identity').byteLength;
  }
  return bytes;
}
