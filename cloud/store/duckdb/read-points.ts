import type { DuckDBDataChunk } from '@duckdb/node-api';
import type { StoredPoint, TimeRange } from '../store.js';
import { formOf, minusZero, qualityOf, restoreZero } from './codes.js';
import type { Reader } from './reader.js';
import type { SeriesDictionary, SeriesEntry } from './series-dictionary.js';

/**
 * Nulls are slow to tell in the library's vectors: a value that is NaN means a text. The text goes behind a letter,
 * because the library takes a byte order mark off the start of a string.
 */
const selection = `p.series_id, p.time_us::DOUBLE, p.form, p.flags, coalesce(p.value, 'NaN'::DOUBLE), 'x' || p.text,
  p.span_us::DOUBLE, p.count::DOUBLE, p.min, p.max, p.first, p.last, coalesce(p.p95, 'NaN'::DOUBLE)`;

/**
 * Points in order of series, then time, in pages. Of points with one identity only the one that was written last,
 * unless repeats are asked for.
 */
export async function* pointPages(
  reader: Reader,
  series: SeriesDictionary,
  entries: readonly SeriesEntry[],
  { fromUs, toUs }: TimeRange,
  repeats?: 'repeats',
): AsyncGenerator<StoredPoint[]> {
  if (entries.length === 0) return;
  const ranks = entries.map(({ id }, rank) => `(${id}, ${rank})`).join(',');
  const sql = `SELECT ${selection} FROM points p JOIN (VALUES ${ranks}) s(series_id, place) USING (series_id)
    WHERE p.time_us >= $1 AND p.time_us < $2 ORDER BY s.place, p.time_us, p.form, p.rowid`;
  let held: StoredPoint | undefined;
  for await (const chunk of reader.stream(sql, [fromUs, toUs])) {
    const read = [...(held ? [held] : []), ...readPoints(chunk, series)];
    const points = repeats ? read : newest(read);
    // The last may come again at the start of the next chunk.
    held = points.pop();
    if (points.length > 0) yield points;
  }
  if (held) yield [held];
}

/** Rows asked for beyond the limit, for points that came twice. */
const spareRows = 16;
/** The first look back, and how much further each next one goes. */
const firstLookUs = 60_000_000;
const lookFactor = 8;

/**
 * The newest points of one series, oldest first. Without an index a wide range would be a scan of everything in it, so
 * it looks back as far as the series usually needs, and further until there are enough.
 */
export async function recentPoints(
  reader: Reader,
  series: SeriesDictionary,
  entry: SeriesEntry,
  range: TimeRange,
  limit: number,
  nowUs: number,
): Promise<StoredPoint[]> {
  const anchorUs = Math.min(range.toUs, Math.max(nowUs, entry.lastRawUs ?? nowUs));
  let lookUs = Math.max(firstLookUs, Math.ceil(entry.intervalUs * limit * 1.25));
  let found: StoredPoint[] = [];
  for (let toUs = range.toUs; ; lookUs *= lookFactor) {
    const fromUs = Math.max(range.fromUs, anchorUs - lookUs);
    const older = await newestOf(reader, series, entry, { fromUs, toUs }, limit - found.length);
    found = older.concat(found);
    if (found.length >= limit || fromUs <= range.fromUs) return found.slice(-limit);
    toUs = fromUs;
  }
}

/** At least `limit` points if the range has them, oldest first. */
async function newestOf(
  reader: Reader,
  series: SeriesDictionary,
  { id }: SeriesEntry,
  { fromUs, toUs }: TimeRange,
  limit: number,
): Promise<StoredPoint[]> {
  const sql = `SELECT ${selection} FROM points p WHERE p.series_id = $1 AND p.time_us >= $2 AND p.time_us < $3
    ORDER BY p.time_us DESC, p.form DESC, p.rowid DESC LIMIT $4`;
  for (let rows = limit + spareRows; ; rows *= 2) {
    const chunks = await reader.query(sql, [id, fromUs, toUs, rows]);
    const found = chunks.flatMap((chunk) => readPoints(chunk, series)).reverse();
    const points = newest(found);
    if (points.length >= limit || found.length < rows) return points;
  }
}

/** Of neighbours with one identity the last. */
function newest(points: readonly StoredPoint[]): StoredPoint[] {
  return points.filter((point, i) => {
    const next = points[i + 1];
    return !next || next.timeUs !== point.timeUs || next.form !== point.form || !isSameSeries(next, point);
  });
}

function isSameSeries(a: StoredPoint, b: StoredPoint): boolean {
  return a.sensor === b.sensor && a.device === b.device && a.site === b.site;
}

function readPoints(chunk: DuckDBDataChunk, series: SeriesDictionary): StoredPoint[] {
  const columns = Array.from({ length: 13 }, (_value, i) => chunk.getColumnVector(i)) as Columns;
  const points: StoredPoint[] = [];
  const rows = chunk.rowCount;
  for (let row = 0; row < rows; row += 1) points.push(readPoint(columns, row, series));
  return points;
}

type Columns = readonly { getItem(row: number): number | string | null }[];

function readPoint(columns: Columns, row: number, series: SeriesDictionary): StoredPoint {
  const number = (column: number) => columns[column]!.getItem(row) as number;
  const { site, device, sensor } = series.get(number(0));
  const flags = number(3);
  const value = number(4);
  const isText = Number.isNaN(value);
  const form = formOf(number(2));
  const isWindow = form === 'window';
  return {
    site,
    device,
    sensor,
    form,
    timeUs: number(1),
    value: isText ? undefined : restoreZero(value, flags, minusZero.value),
    text: isText ? (columns[5]!.getItem(row) as string).slice(1) : undefined,
    quality: qualityOf(flags),
    count: isWindow ? number(7) : undefined,
    min: isWindow ? restoreZero(number(8), flags, minusZero.min) : undefined,
    max: isWindow ? restoreZero(number(9), flags, minusZero.max) : undefined,
    first: isWindow ? restoreZero(number(10), flags, minusZero.first) : undefined,
    last: isWindow ? restoreZero(number(11), flags, minusZero.last) : undefined,
    spanUs: isWindow ? number(6) : undefined,
    p95: isWindow ? numberOrNone(number(12)) : undefined,
  };
}

function numberOrNone(value: number): number | undefined {
  return Number.isNaN(value) ? undefined : value;
}
