import type { SeriesId } from '#core/contract/names.js';
import { forms, type Form, type Quality } from '#core/contract/reading.js';
import { mixParts } from '#core/signal/segment-rollup.js';
import type { StoredPoint, StoredRollup } from '../store.js';
import { unescapeText } from './fields.js';
import type { FluxRow } from './flux-csv.js';
import { mergeParts, readParts, rowTimeUs, type TimedParts } from './rollup-rows.js';

/** A point whose fields are columns. One literal: spreading parts into it would cost ten times as much. */
export function readPoint(row: FluxRow): StoredPoint {
  const value = numberIn(row, 'value');
  return {
    site: row.get('site')!,
    device: row.get('device')!,
    sensor: row.get('sensor')!,
    form: row.get('form') as Form,
    timeUs: rowTimeUs(row),
    value,
    // Null and empty text are the same in CSV, but a point without a number has a text.
    text: value === undefined ? unescapeText(row.get('text') ?? '') : undefined,
    quality: row.get('quality') as Quality,
    count: numberIn(row, 'count'),
    min: numberIn(row, 'min'),
    max: numberIn(row, 'max'),
    first: numberIn(row, 'first'),
    last: numberIn(row, 'last'),
    spanUs: numberIn(row, 'spanUs'),
    p95: numberIn(row, 'p95'),
  };
}

function numberIn(row: FluxRow, column: string): number | undefined {
  const text = row.get(column);
  return text === undefined || text === '' ? undefined : Number(text);
}

/** What one form contributed to a bucket. */
export interface TimedRollup extends SeriesId {
  readonly timeUs: number;
  parts: TimedParts;
}

export function readRollup(row: FluxRow): TimedRollup | undefined {
  const parts = readParts(row);
  if (!parts) return undefined;
  const [site, device, sensor] = [row.get('site')!, row.get('device')!, row.get('sensor')!];
  return { site, device, sensor, timeUs: rowTimeUs(row), parts };
}

/** The rollups in order; what the forms contributed to one bucket of `widthUs` is put together. */
export function rollupsInOrder(rows: TimedRollup[], widthUs: number): StoredRollup[] {
  const sums: (TimedRollup & { segments?: TimedParts })[] = [];
  for (const row of rows.sort(compareSeriesTime)) {
    const last = sums.at(-1);
    if (!last || compareSeriesTime(last, row) !== 0) sums.push(row);
    else if (row.parts.coveredUs !== undefined) last.segments = row.parts;
    else if (last.parts.coveredUs === undefined) mergeParts(last.parts, row.parts);
    else [last.segments, last.parts] = [last.parts, row.parts];
  }
  return sums.map(({ site, device, sensor, timeUs, parts, segments }) => {
    const both = segments ? mixParts(weighed(parts), weighed(segments), widthUs) : weighed(parts);
    const { sum, weight, count, min, max, first, last } = both;
    return { site, device, sensor, timeUs, sum, weight, count, min, max, first, last };
  });
}

function weighed(parts: TimedParts): TimedParts & { weight: number } {
  return { ...parts, weight: parts.coveredUs ?? parts.count };
}

/** The points in order, each identity once. */
export function pointsInOrder(points: StoredPoint[]): StoredPoint[] {
  return points.sort(comparePoints).filter((point, i, all) => i === 0 || comparePoints(all[i - 1]!, point) !== 0);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

export function compareSeries(a: SeriesId, b: SeriesId): number {
  return compareText(a.site, b.site) || compareText(a.device, b.device) || compareText(a.sensor, b.sensor);
}

function compareSeriesTime(a: SeriesId & { timeUs: number }, b: SeriesId & { timeUs: number }): number {
  return compareSeries(a, b) || a.timeUs - b.timeUs;
}

function comparePoints(a: StoredPoint, b: StoredPoint): number {
  return compareSeriesTime(a, b) || forms.indexOf(a.form) - forms.indexOf(b.form);
}
