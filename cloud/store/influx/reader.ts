import { seriesKey, type SeriesId } from '#core/contract/names.js';
import type { RollupTier, SeriesFilter, StoredPoint, StoredRollup, TimeRange } from '../store.js';
import type { BucketNames } from './buckets.js';
import { groupsOf, maxQuerySeries, placeOf, slicesOf, type Extent } from './extents.js';
import type { FluxRow } from './flux-csv.js';
import { fromBucket, matching, matchingAny, parseTimeUs, pivotFields, type Flux } from './flux.js';
import type { InfluxClient } from './influx-client.js';
import type { Patience } from './patience.js';
import { rollupTiers } from './tiers.js';
import { compareSeries, pointsInOrder, readPoint, readRollup, rollupsInOrder } from './stored-rows.js';

export interface ReaderOptions {
  readonly client: InfluxClient;
  readonly buckets: BucketNames;
  readonly patience: Patience;
  /** How long one query is tried again while InfluxDB is away, in milliseconds. */
  readonly withinMs: number;
}

/** Of a range as short as this nobody needs to ask first how much there is. */
const shortRangeUs = 120_000_000;

/** Reads points and rollups. It asks for no more than a page at a time, whatever the range. */
export class Reader {
  constructor(private readonly options: ReaderOptions) {}

  async *points(filter: SeriesFilter, range: TimeRange): AsyncGenerator<StoredPoint[], void, undefined> {
    const { realtime } = this.options.buckets;
    // Every point has a quality, and one only.
    for await (const rows of this.pages(realtime, 'quality', filter, range, readPoint)) {
      const points = pointsInOrder(rows);
      if (points.length > 0) yield points;
    }
  }

  async *rollups(
    tier: RollupTier,
    filter: SeriesFilter,
    range: TimeRange,
  ): AsyncGenerator<StoredRollup[], void, undefined> {
    const { widthUs } = rollupTiers.find(({ name }) => name === tier)!;
    for await (const rows of this.pages(this.options.buckets[tier], 'count', filter, range, readRollup)) {
      const rollups = rollupsInOrder(rows, widthUs);
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
    return pointsInOrder(await this.query(this.options.buckets.realtime, range, readPoint, matching(series)));
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
    const extents = await this.extents(bucket, field, filter, range);
    for (const group of groupsOf(extents)) {
      const [first] = group;
      if (group.length === 1) {
        for (const slice of slicesOf(first!)) yield await this.query(bucket, slice, read, matching(first!));
      } else {
        const place = group.length === extents.length ? 'true' : placeOf(group, extents);
        yield await this.query(bucket, range, read, matching(filter), place);
      }
    }
  }

  private query<T>(
    bucket: string,
    range: TimeRange,
    read: (row: FluxRow) => T | undefined,
    ...terms: Flux[]
  ): Promise<T[]> {
    return this.collect(`${fromBucket(bucket, range, ...terms)} |> ${pivotFields}`, read);
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
