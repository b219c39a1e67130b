import type { DeviceAlert } from '#core/contract/alert.js';
import { mixParts } from '#core/signal/segment-rollup.js';
import type { AlertFilter, RollupTier, StoredRollup, TimeRange } from '../store.js';
import type { Parameter, Reader } from './reader.js';
import { readRollupRows, rollupSelection, type RollupRow } from './rollup-row.js';
import type { SeriesDictionary, SeriesEntry } from './series-dictionary.js';
import { rollupTiers, segmentTiers } from './tiers.js';

/** The rollups of a tier in order of series, then time, in pages; what readings and segments gave is put together. */
export async function* rollupPages(
  reader: Reader,
  series: SeriesDictionary,
  tier: RollupTier,
  entries: readonly SeriesEntry[],
  { fromUs, toUs }: TimeRange,
): AsyncGenerator<StoredRollup[]> {
  if (entries.length === 0) return;
  const ranks = entries.map(({ id }, rank) => `(${id}, ${rank})`).join(',');
  const [readings, segments] = [rollupTiers, segmentTiers].map((tiers) => tiers.find(({ name }) => name === tier)!);
  const ofReadings = `SELECT 0 AS kind, * FROM ${readings!.table}`;
  const hasSegments = entries.some(({ interpolation }) => interpolation !== 'none');
  const rows = hasSegments ? `${ofReadings} UNION ALL SELECT 1, * FROM ${segments!.table}` : ofReadings;
  const sql = `SELECT ${rollupSelection}
    FROM (${rows}) r JOIN (VALUES ${ranks}) s(series_id, place) USING (series_id)
    WHERE r.time_us >= $1 AND r.time_us < $2 ORDER BY s.place, r.time_us, r.kind`;
  let held: RollupRow | undefined;
  for await (const chunk of reader.stream(sql, [fromUs, toUs])) {
    const buckets = mixed([...(held ? [held] : []), ...readRollupRows(chunk)], readings!.widthUs);
    // The segments of the last bucket may come at the start of the next chunk.
    held = buckets.pop();
    if (buckets.length > 0) yield buckets.map((row) => rollupOf(row, series));
  }
  if (held) yield [rollupOf(held, series)];
}

/** Two neighbours of one bucket are its readings and its segments. */
function mixed(rows: readonly RollupRow[], widthUs: number): RollupRow[] {
  const buckets: RollupRow[] = [];
  for (const row of rows) {
    const before = buckets.at(-1);
    if (before?.seriesId !== row.seriesId || before.timeUs !== row.timeUs) buckets.push(row);
    else buckets[buckets.length - 1] = { ...row, ...mixParts(before, row, widthUs) };
  }
  return buckets;
}

function rollupOf(row: RollupRow, series: SeriesDictionary): StoredRollup {
  const { seriesId, timeUs, sum, weight, count, min, max, first, last } = row;
  const { site, device, sensor } = series.get(seriesId);
  return { site, device, sensor, timeUs, sum, weight, count, min, max, first, last };
}

/** The alerts that match, the newest first. */
export async function readAlerts(reader: Reader, filter: AlertFilter): Promise<DeviceAlert[]> {
  const { fromUs, toUs, limit } = filter;
  const conditions: [sql: string, value: Parameter | undefined][] = [
    ['site =', filter.site],
    ['device =', filter.device],
    ['sensor =', filter.sensor],
    ['time_us >=', fromUs],
    ['time_us <', toUs],
  ];
  const given = conditions.filter(([, value]) => value !== undefined);
  const where = given.map(([sql], i) => `${sql} $${i + 1}`).join(' AND ') || 'true';
  const chunks = await reader.query(
    `SELECT site, device, sensor, rule, state, severity, time_us::DOUBLE, value, threshold, message FROM alerts
     WHERE ${where} ORDER BY time_us DESC LIMIT $${given.length + 1}`,
    [...given.map(([, value]) => value!), limit],
  );
  return chunks.flatMap((chunk) => chunk.getRows().map(alertOf));
}

function alertOf(row: readonly unknown[]): DeviceAlert {
  const [site, device, sensor, rule, state, severity, timeUs, value, threshold, message] = row as [
    ...[string, string, string, string, DeviceAlert['state'], DeviceAlert['severity']],
    ...[number, number, number, string],
  ];
  return { site, device, sensor, rule, state, severity, timeUs, value, threshold, message };
}
