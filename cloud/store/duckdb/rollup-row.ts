import { numericValue, windowSum, type Point } from '#core/contract/reading.js';
import type { TimedParts } from '#core/signal/segment-rollup.js';
import type { DuckDBDataChunk } from '@duckdb/node-api';
import type { ColumnData, ColumnKind } from './table-appender.js';

/**
 * One row of a rollup table, in the order of its columns. `firstUs` and `lastUs`: when the first and the last reading
 * were; a window counts as its start.
 */
export interface RollupRow extends TimedParts {
  readonly seriesId: number;
  readonly timeUs: number;
}

const fields = [
  ...(['seriesId', 'timeUs', 'sum', 'weight', 'count', 'min', 'max', 'first', 'last'] as const),
  ...(['firstUs', 'lastUs'] as const),
] satisfies (keyof RollupRow)[];

export const rollupKinds: readonly ColumnKind[] = fields.map(() => 'number');

/** The columns of a rollup table `r` as this file reads them. */
export const rollupSelection = `r.series_id, r.time_us::DOUBLE, r.sum, r.weight, r.count::DOUBLE, r.min, r.max, r.first,
  r.last, r.first_us::DOUBLE, r.last_us::DOUBLE`;

/** A point as the only content of a bucket. Throws nothing; the point must be numeric. */
export function rowOfPoint(seriesId: number, bucketUs: number, { value, window, timeUs }: Point): RollupRow {
  const mean = numericValue(value)!;
  const stamps = { firstUs: timeUs, lastUs: timeUs };
  if (!window) {
    const same = { min: mean, max: mean, first: mean, last: mean };
    return { seriesId, timeUs: bucketUs, sum: mean, weight: 1, count: 1, ...same, ...stamps };
  }
  const { count, min, max, first, last } = window;
  const sum = finiteSum(windowSum(mean, window));
  return { seriesId, timeUs: bucketUs, sum, weight: count, count, min, max, first, last, ...stamps };
}

export function rollupColumns(rows: readonly RollupRow[]): ColumnData[] {
  return fields.map((field) => rows.map((row) => row[field]));
}

/** The rows of a chunk selected by {@link rollupSelection}. */
export function readRollupRows(chunk: DuckDBDataChunk): RollupRow[] {
  const columns = fields.map((_field, i) => chunk.getColumnVector(i));
  return Array.from({ length: chunk.rowCount }, (_value, row) => {
    const [seriesId, timeUs, sum, weight, count, min, max, first, last, firstUs, lastUs] = columns.map(
      (column) => column.getItem(row) as number,
    ) as [number, number, number, number, number, number, number, number, number, number, number];
    return { seriesId, timeUs, sum, weight, count, min, max, first, last, firstUs, lastUs };
  });
}

/** Stores hold finite numbers only: a sum that overflows stays at the greatest. */
function finiteSum(sum: number): number {
  return Math.min(Number.MAX_VALUE, Math.max(-Number.MAX_VALUE, sum));
}
