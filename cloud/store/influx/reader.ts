import { forms, type Form, type Quality } from '#core/contract/reading.js';
import { seriesKey, type SeriesId } from '#core/contract/names.js';
import type { RollupTier, SeriesFilter, StoredPoint, StoredRollup, TimeRange } from '../store.js';
import type { BucketNames } from './buckets.js';
import { unescapeText } from './fields.js';
import { fromBucket, matching, matchingAny, parseTimeUs, pivotFields, type Flux } from './flux.js';
import type { FluxRow, InfluxClient } from './influx-client.js';
import type { Patience } from './patience.js';
import { mergeParts, readParts, rowTimeUs, type TimedParts } from './rollup-rows.js';

export interface ReaderOptions {
  readonly client: InfluxClient;
  readonly buckets: BucketNames;
  readonly patience: Patience;
  /** How long one query is tried again while InfluxDB is away, in milliseconds. */
  readonly withinMs: number;
}

/** How much of a series lies in a range: what a query about it will answer. */
interface Extent extends SeriesId {
  readonly count: number;
  readonly firstUs: number;
  readonly lastUs: number;
}

/** About how many rows one query may answer, and how many series it may name. */
const pageRows = 20_000;
const maxQuerySeries = 200;
/** Of a range as short as this nobody needs to ask first how much there is. */
const shortRangeUs = 120_000_000;

/** Reads points and rollups. It asks for no more than a page at a time, whatever the range. */
export class Reader {
  constructor(private readonly options: ReaderOptions) {}

  async *points(filter: SeriesFilter, range: TimeRange): AsyncGenerator<StoredPoint[], void, undefined> {
    const { realtime } = this.options.buckets;
    // Every point has a quality, and one only.
    for await (const rows of this.pages(realtime, 'quality', filter, range, readPoint)) {
      const points = inOrder(rows, comparePoints).filter(
        (point, i, all) => i === 0 || !isSamePoint(all[i - 1]!, point),
      );
      if (points.length > 0) yield points;
    }
  }

  async *rollups(
    tier: RollupTier,
    filter: SeriesFilter,
    range: TimeRange,
  ): AsyncGenerator<StoredRollup[], void, undefined> {
    for await (const rows of this.pages(this.options.buckets[tier], 'count', filter, range, readRollup)) {
      const rollups = addUp(inOrder(rows, compareSeriesTime));
      if (rollups.length > 0) yield rollups;
    }
  }

  /** The newest points of one series, oldest first. It looks back in growing steps until it has enough. */
  async recent(series: SeriesId, range: TimeRange, limit: number): Promise<StoredPoint[]> {
    const { realtime } = this.options.buckets;
    if (limit <= 0 || range.fromUs >= range.toUs) return [];
    if (range.toUs - range.fromUs <= shortRangeUs) return (await this.pointsOf(series, range)).slice(-limit);
    const [extent] = await this.extents(realtime, 'quality', series, range);
    if (!extent) return [];
    let found: StoredPoint[] = [];
    let toUs = extent.lastUs + 1;
    let widthUs = ((extent.lastUs - extent.firstUs + 1) / extent.count) * limit * 1.5 + 1;
    while (found.length < limit && toUs > extent.firstUs) {
      const fromUs = Math.max(extent.firstUs, Math.floor(toUs - widthUs));
      found = [...(await this.pointsOf(series, { fromUs, toUs })), ...found];
      toUs = fromUs;
      widthUs *= 2;
    }
    return found.slice(-limit);
  }

  private async pointsOf(series: SeriesId, range: TimeRange): Promise<StoredPoint[]> {
    const rows = await this.query(this.options.buckets.realtime, range, matching(series), readPoint);
    return inOrder(rows, comparePoints).filter((point, i, all) => i === 0 || !isSamePoint(all[i - 1]!, point));
  }

  /** The newest stamp of every form of the series together, by series key. */
  async newestStored(series: readonly SeriesId[]): Promise<Map<string, number>> {
    const everything = { fromUs: Number.NEGATIVE_INFINITY, toUs: Number.POSITIVE_INFINITY };
    const newest = new Map<string, number>();
    for (let i = 0; i < series.length; i += maxQuerySeries) {
      const where = matchingAny(
        series.slice(i, i + maxQuerySeries).map(({ site, device, sensor }) => ({ site, device, sensor })),
      );
      for (const { lastUs, ...id } of await this.extentsWhere(
        this.options.buckets.realtime,
        'quality',
        where,
        everything,
      )) {
        newest.set(seriesKey(id), lastUs);
      }
    }
    return newest;
  }

  private async *pages<T>(
    bucket: string,
    field: string,
    filter: SeriesFilter,
    range: TimeRange,
    read: (row: FluxRow) => T | undefined,
  ): AsyncGenerator<T[], void, undefined> {
    if (range.fromUs >= range.toUs) return;
    for (const group of groupsOf(await this.extents(bucket, field, filter, range))) {
      const [first] = group;
      if (group.length > 1) {
        const where = matchingAny(group.map(({ site, device, sensor }) => ({ site, device, sensor })));
        yield await this.query(bucket, range, where, read);
      } else {
        for (const slice of slicesOf(first!)) yield await this.query(bucket, slice, matching(first!), read);
      }
    }
  }

  private query<T>(bucket: string, range: TimeRange, where: Flux, read: (row: FluxRow) => T | undefined): Promise<T[]> {
    return this.collect(`${fromBucket(bucket, range, where)} |> ${pivotFields}`, read);
  }

  /** All rows of a query that fits into memory. */
  collect<T>(flux: Flux, read: (row: FluxRow) => T | undefined): Promise<T[]> {
    const { client, patience, withinMs } = this.options;
    return patience.run(withinMs, () => client.collect(flux, read));
  }

  private async extents(bucket: string, field: string, filter: SeriesFilter, range: TimeRange): Promise<Extent[]> {
    return range.fromUs >= range.toUs ? [] : this.extentsWhere(bucket, field, matching(filter), range);
  }

  /** The series that have the field in the range, in their order. */
  private async extentsWhere(bucket: string, field: string, where: Flux, range: TimeRange): Promise<Extent[]> {
    const source = fromBucket(bucket, range, `r._field == "${field}"`, where);
    const ask = (fn: string) =>
      `${source} |> ${fn}() |> keep(columns: ["site", "device", "sensor", "_time", "_value"]) |> yield(name: "${fn}")`;
    const found = new Map<string, { -readonly [K in keyof Extent]: Extent[K] }>();
    const read = (row: FluxRow) => {
      const id = { site: row.get('site')!, device: row.get('device')!, sensor: row.get('sensor')! };
      return { ...id, result: row.result, timeUs: parseTimeUs(row.get('_time') ?? ''), value: row.get('_value') };
    };
    for (const { result, timeUs, value, ...id } of await this.collect(
      ['count', 'first', 'last'].map(ask).join('\n'),
      read,
    )) {
      const key = seriesKey(id);
      let extent = found.get(key);
      if (!extent) found.set(key, (extent = { ...id, count: 0, firstUs: Infinity, lastUs: -Infinity }));
      if (result === 'count') extent.count += Number(value);
      if (result === 'first') extent.firstUs = Math.min(extent.firstUs, timeUs);
      if (result === 'last') extent.lastUs = Math.max(extent.lastUs, timeUs);
    }
    return [...found.values()].filter(({ lastUs }) => Number.isFinite(lastUs)).sort(compareSeries);
  }
}

/** Consecutive series that one query can answer together; a large series stands alone. */
function* groupsOf(extents: readonly Extent[]): Generator<Extent[]> {
  let group: Extent[] = [];
  let rows = 0;
  for (const extent of extents) {
    if (group.length > 0 && (rows + extent.count > pageRows || group.length >= maxQuerySeries)) {
      yield group;
      [group, rows] = [[], 0];
    }
    group.push(extent);
    rows += extent.count;
  }
  if (group.length > 0) yield group;
}

/** Equal slices of time that hold about a page each, if the points are spread evenly. */
function* slicesOf({ count, firstUs, lastUs }: Extent): Generator<TimeRange> {
  const slices = Math.ceil(count / pageRows);
  const widthUs = Math.ceil((lastUs + 1 - firstUs) / slices);
  for (let fromUs = firstUs; fromUs <= lastUs; fromUs += widthUs) {
    yield { fromUs, toUs: Math.min(fromUs + widthUs, lastUs + 1) };
  }
}

function readPoint(row: FluxRow): StoredPoint {
  const number = (column: string) => {
    const text = row.get(column);
    return text === undefined || text === '' ? undefined : Number(text);
  };
  const value = number('value');
  return {
    ...{ site: row.get('site')!, device: row.get('device')!, sensor: row.get('sensor')! },
    form: row.get('form') as Form,
    timeUs: rowTimeUs(row),
    value,
    // Null and empty text are the same in CSV, but a point without a number has a text.
    text: value === undefined ? unescapeText(row.get('text') ?? '') : undefined,
    quality: row.get('quality') as Quality,
    ...{ count: number('count'), min: number('min'), max: number('max') },
    ...{ first: number('first'), last: number('last'), spanUs: number('spanUs') },
  };
}

interface TimedRollup extends SeriesId {
  readonly timeUs: number;
  readonly parts: TimedParts;
}

function readRollup(row: FluxRow): TimedRollup | undefined {
  const parts = readParts(row);
  if (!parts) return undefined;
  const id = { site: row.get('site')!, device: row.get('device')!, sensor: row.get('sensor')! };
  return { ...id, timeUs: rowTimeUs(row), parts };
}

/** Adds up what the forms contributed to one bucket. */
function addUp(rows: readonly TimedRollup[]): StoredRollup[] {
  const sums: TimedRollup[] = [];
  for (const row of rows) {
    const last = sums.at(-1);
    if (last && compareSeriesTime(last, row) === 0) mergeParts(last.parts, row.parts);
    else sums.push(row);
  }
  return sums.map(({ site, device, sensor, timeUs, parts }) => {
    const { sum, count, min, max, first, last } = parts;
    return { site, device, sensor, timeUs, sum, weight: count, count, min, max, first, last };
  });
}

function inOrder<T>(rows: T[], compare: (a: T, b: T) => number): T[] {
  return rows.sort(compare);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

function compareSeries(a: SeriesId, b: SeriesId): number {
  return compareText(a.site, b.site) || compareText(a.device, b.device) || compareText(a.sensor, b.sensor);
}

function compareSeriesTime(a: SeriesId & { timeUs: number }, b: SeriesId & { timeUs: number }): number {
  return compareSeries(a, b) || a.timeUs - b.timeUs;
}

function comparePoints(a: StoredPoint, b: StoredPoint): number {
  return compareSeriesTime(a, b) || forms.indexOf(a.form) - forms.indexOf(b.form);
}

function isSamePoint(a: StoredPoint, b: StoredPoint): boolean {
  return comparePoints(a, b) === 0;
}
