import type { Point, Quality } from '#core/contract/reading.js';
import { pieceOf, piecePart } from '#core/signal/segment-rollup.js';
import type { TimeRange } from '../store.js';
import type { BucketNames } from './buckets.js';
import { fromBucket, pivotFields, type Flux } from './flux.js';
import type { FluxRow } from './flux-csv.js';
import type { InfluxClient } from './influx-client.js';
import {
  mergeParts,
  parseFloatText,
  partsOfReading,
  partsOfSegments,
  partsOfWindow,
  readParts,
  rowTimeUs,
} from './rollup-rows.js';
import type { RollupRow, TimedParts } from './rollup-rows.js';
import type { Series, SeriesRegistry } from './series-registry.js';
import { enteringForms, rollupTiers, type RollupForm, type TierSpec } from './tiers.js';

export interface RollupSourceOptions {
  readonly client: InfluxClient;
  readonly buckets: BucketNames;
  readonly registry: SeriesRegistry;
}

/** What the buckets of a range are, computed from the tier below: the repair's answer to the tasks of InfluxDB. */
export class RollupSource {
  constructor(private readonly options: RollupSourceOptions) {}

  /**
   * `range` begins and ends on borders of the tier's buckets; `where` is a predicate that chooses the series.
   * Above the first tier, windows that begin before `windowsFromUs` are left out.
   */
  async compute(tier: TierSpec, range: TimeRange, where: Flux, windowsFromUs: number): Promise<RollupRow[]> {
    const found = new FoundBuckets(this.options.registry, tier);
    if (tier.index === 0) {
      await this.readRaw(found, range, where);
      await this.readSegments(found, range, where);
    } else {
      await this.readLower(found, rollupTiers[tier.index - 1]!, range, where);
      await this.readWide(found, { fromUs: Math.max(range.fromUs, windowsFromUs), toUs: range.toUs }, where);
    }
    return found.rows();
  }

  private async readRaw(found: FoundBuckets, range: TimeRange, where: Flux): Promise<void> {
    const { client, buckets } = this.options;
    const raw = fromBucket(buckets.realtime, range, where, 'r.form == "raw"', 'r._field == "value"');
    const aggregate = (fn: string, stamp: string) =>
      `${raw} |> aggregateWindow(every: 1m, fn: ${fn}, createEmpty: false, timeSrc: "${stamp}")
        |> keep(columns: ["_time", "_value", "site", "device", "sensor"]) |> yield(name: "${fn}")`;
    const parts = ['sum', 'count', 'min', 'max'].map((fn) => aggregate(fn, '_start'));
    const ends = ['first', 'last'].map((fn) => aggregate(fn, '_time'));
    const windows = `${fromBucket(buckets.realtime, range, where, 'r.form == "window"')} |> ${pivotFields} |> yield(name: "window")`;
    for await (const rows of client.pages([...parts, ...ends, windows].join('\n'))) {
      for (const row of rows) {
        if (row.result === 'window') found.addWindow(row);
        else found.addAggregate(row);
      }
    }
  }

  /** One gap further on both sides: there begin and end the lines that pass through. */
  private async readSegments(found: FoundBuckets, { fromUs, toUs }: TimeRange, where: Flux): Promise<void> {
    const { client, buckets, registry } = this.options;
    const gapUs = registry.longestGapUs();
    if (gapUs === undefined) return;
    const wider = { fromUs: fromUs - gapUs, toUs: toUs + gapUs };
    const segments = new Map<Series, Point[]>();
    const flux = `${fromBucket(buckets.realtime, wider, where, 'r.form == "segment"')} |> ${pivotFields}`;
    for await (const rows of client.pages(flux)) {
      for (const row of rows) {
        const series = registry.find(row.get('site')!, row.get('device')!, row.get('sensor')!);
        if (!series?.reading) continue;
        const points = segments.get(series);
        if (points) points.push(segmentOf(row));
        else segments.set(series, [segmentOf(row)]);
      }
    }
    for (const [series, points] of segments) found.addSegments(series, points, { fromUs, toUs });
  }

  private async readLower(found: FoundBuckets, lower: TierSpec, range: TimeRange, where: Flux): Promise<void> {
    const { client, buckets } = this.options;
    for await (const rows of client.pages(`${fromBucket(buckets[lower.name], range, where)} |> ${pivotFields}`)) {
      for (const row of rows) found.addRollup(row);
    }
  }

  private async readWide(found: FoundBuckets, range: TimeRange, where: Flux): Promise<void> {
    if (range.fromUs >= range.toUs) return;
    const { client, buckets } = this.options;
    const windows = (...terms: Flux[]) => fromBucket(buckets.realtime, range, where, 'r.form == "window"', ...terms);
    // Wide windows are rare and narrow ones many: one cheap question first.
    const isWide = `r._value > ${rollupTiers[found.tier.index - 1]!.widthUs}`;
    const probe = `${windows('r._field == "spanUs"', isWide)} |> group() |> limit(n: 1)`;
    if ((await client.collect(probe, () => true)).length === 0) return;
    for await (const rows of client.pages(`${windows()} |> ${pivotFields}`)) {
      for (const row of rows) found.addWindow(row);
    }
  }
}

/** Adds up what a query found, by series, form and bucket. */
class FoundBuckets {
  private readonly found = new Map<Series, Map<string, RollupRow>>();

  constructor(
    private readonly registry: SeriesRegistry,
    readonly tier: TierSpec,
  ) {}

  rows(): RollupRow[] {
    const rows = [...this.found.values()].flatMap((each) => [...each.values()]);
    return rows.filter(({ parts }) => (parts.coveredUs ?? parts.count) > 0);
  }

  /** One of the six answers about raw readings; the name of the result says which. */
  addAggregate(row: FluxRow): void {
    const timeUs = rowTimeUs(row);
    const series = this.seriesOf(row);
    if (!series) return;
    const parts = this.partsOf(series, 'raw', timeUs, () => ({ ...partsOfReading(Number.NaN, timeUs), count: 0 }));
    const name = row.result as 'sum' | 'count' | 'min' | 'max' | 'first' | 'last';
    parts[name] = parseFloatText(row.get('_value')!);
    if (name === 'first') parts.firstUs = timeUs;
    if (name === 'last') parts.lastUs = timeUs;
  }

  /** A window point, if it enters the rollups in this tier. */
  addWindow(row: FluxRow): void {
    const number = (column: string) => Number(row.get(column) || Number.NaN);
    const spanUs = number('spanUs');
    const lowerUs = this.tier.index === 0 ? 0 : rollupTiers[this.tier.index - 1]!.widthUs;
    if (!(spanUs > lowerUs && spanUs <= this.tier.widthUs)) return;
    const timeUs = rowTimeUs(row);
    const [count, min, max] = [number('count'), number('min'), number('max')];
    const window = { spanUs, count, min, max, first: number('first'), last: number('last') };
    this.merge(row, enteringForms[this.tier.index]!, timeUs, partsOfWindow(number('value'), window, timeUs));
  }

  /** The points of one series, in any order. */
  addSegments(series: Series, points: Point[], { fromUs, toUs }: TimeRange): void {
    const { widthUs } = this.tier;
    points.sort((a, b) => a.timeUs - b.timeUs);
    points.forEach((point, i) => {
      const piece = pieceOf(point, points[i + 1], series.reading!);
      if (!piece) return;
      const firstUs = Math.max(fromUs, Math.floor(piece.fromUs / widthUs) * widthUs);
      for (let bucketUs = firstUs; bucketUs < Math.min(toUs, piece.untilUs); bucketUs += widthUs) {
        const part = piecePart(piece, bucketUs, bucketUs + widthUs);
        if (part) this.mergeOf(series, 'segment', bucketUs, partsOfSegments(part));
      }
    });
  }

  /** A rollup of the tier below. */
  addRollup(row: FluxRow): void {
    const parts = readParts(row);
    if (parts) this.merge(row, row.get('form') as RollupForm, rowTimeUs(row), parts);
  }

  private merge(row: FluxRow, form: RollupForm, timeUs: number, parts: TimedParts): void {
    const series = this.seriesOf(row);
    if (series) this.mergeOf(series, form, timeUs, parts);
  }

  private seriesOf(row: FluxRow): Series | undefined {
    return this.registry.find(row.get('site')!, row.get('device')!, row.get('sensor')!);
  }

  private mergeOf(series: Series, form: RollupForm, timeUs: number, parts: TimedParts): void {
    let isNew = false;
    const known = this.partsOf(series, form, timeUs, () => {
      isNew = true;
      return parts;
    });
    if (!isNew) mergeParts(known, parts);
  }

  private partsOf(series: Series, form: RollupForm, timeUs: number, first: () => TimedParts): TimedParts {
    let rows = this.found.get(series);
    if (!rows) this.found.set(series, (rows = new Map()));
    const bucketUs = Math.floor(timeUs / this.tier.widthUs) * this.tier.widthUs;
    const key = `${form} ${bucketUs}`;
    let known = rows.get(key);
    if (!known) rows.set(key, (known = { series, form, bucketUs, parts: first() }));
    return known.parts;
  }
}

function segmentOf(row: FluxRow): Point {
  const number = row.get('value');
  const value = number ? parseFloatText(number) : (row.get('text') ?? '');
  const quality = row.get('quality') as Quality;
  return { sensor: row.get('sensor')!, timeUs: rowTimeUs(row), value, quality, form: 'segment' };
}
