import type { RollupParts } from '#core/contract/reading.js';
import { hourUs } from '#core/contract/time.js';

/** One sensor's hour. `avg` is sum over weight; `timeUs` is the hour's start, UTC. */
export interface HourlyRow {
  readonly series: string;
  readonly timeUs: number;
  readonly avg: number;
  readonly min: number;
  readonly max: number;
  readonly count: number;
}

export interface SeriesDescription {
  readonly quantity: string;
  readonly unit: string;
}

/** The hourly average, minimum and maximum of every sensor in a time range. */
export interface HourlyReport {
  /** Whole hours: inclusive, exclusive. */
  readonly fromUs: number;
  readonly toUs: number;
  readonly createdUs: number;
  /** By series, then time. */
  readonly rows: readonly HourlyRow[];
  readonly descriptions: ReadonlyMap<string, SeriesDescription>;
}

export interface HourlyInput extends RollupParts {
  readonly series: string;
  readonly timeUs: number;
}

/** The whole hours that [fromUs, toUs) touches. */
export function wholeHours(fromUs: number, toUs: number): { fromUs: number; toUs: number } {
  return { fromUs: Math.floor(fromUs / hourUs) * hourUs, toUs: Math.ceil(toUs / hourUs) * hourUs };
}

/** Builds the report from 1h rollups in any order. */
export function hourlyReport(
  rollups: Iterable<HourlyInput>,
  descriptions: ReadonlyMap<string, SeriesDescription>,
  range: { fromUs: number; toUs: number },
  createdUs: number,
): HourlyReport {
  const rows: HourlyRow[] = [];
  for (const { series, timeUs, sum, weight, min, max, count } of rollups) {
    if (weight > 0) rows.push({ series, timeUs, avg: sum / weight, min, max, count });
  }
  rows.sort((a, b) => (a.series === b.series ? a.timeUs - b.timeUs : a.series < b.series ? -1 : 1));
  return { ...range, createdUs, rows, descriptions };
}

/** One sensor over the whole range: the average weighs each hour by its readings. */
export function summarise(rows: readonly HourlyRow[]): HourlyRow[] {
  const bySeries = new Map<string, HourlyRow>();
  for (const row of rows) {
    const so = bySeries.get(row.series);
    bySeries.set(row.series, so ? merge(so, row) : row);
  }
  return [...bySeries.values()];
}

function merge(a: HourlyRow, b: HourlyRow): HourlyRow {
  const count = a.count + b.count;
  return {
    series: a.series,
    timeUs: Math.min(a.timeUs, b.timeUs),
    avg: (a.avg * a.count + b.avg * b.count) / count,
    min: Math.min(a.min, b.min),
    max: Math.max(a.max, b.max),
    count,
  };
}
