import type { DeviceAlert } from '#core/contract/alert.js';
import type { AlertFilter, StoredRollup, TimeRange } from '../store.js';
import type { Parameter, Reader } from './reader.js';
import { readRollupRows, rollupSelection } from './rollup-row.js';
import type { SeriesDictionary, SeriesEntry } from './series-dictionary.js';
import type { TierSpec } from './tiers.js';

/** The rollups of a tier in order of series, then time, in pages. */
export async function* rollupPages(
  reader: Reader,
  series: SeriesDictionary,
  { table }: TierSpec,
  entries: readonly SeriesEntry[],
  { fromUs, toUs }: TimeRange,
): AsyncGenerator<StoredRollup[]> {
  if (entries.length === 0) return;
  const ranks = entries.map(({ id }, rank) => `(${id}, ${rank})`).join(',');
  const sql = `SELECT ${rollupSelection} FROM ${table} r JOIN (VALUES ${ranks}) s(series_id, place) USING (series_id)
    WHERE r.time_us >= $1 AND r.time_us < $2 ORDER BY s.place, r.time_us`;
  for await (const chunk of reader.stream(sql, [fromUs, toUs])) {
    yield readRollupRows(chunk).map(({ seriesId, timeUs, sum, weight, count, min, max, first, last }) => {
      const { site, device, sensor } = series.get(seriesId);
      return { site, device, sensor, timeUs, sum, weight, count, min, max, first, last };
    });
  }
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
