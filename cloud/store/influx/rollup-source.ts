import type { TimeRange } from '../store.js';
import type { BucketNames } from './buckets.js';
import { fromBucket, pivotFields, type Flux } from './flux.js';
import type { FluxRow } from './flux-csv.js';
import type { InfluxClient } from './influx-client.js';
import { mergeParts, parseFloatText, partsOfReading, partsOfWindow, readParts, rowTimeUs } from './rollup-rows.js';
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
    if (tier.index === 0) await this.readRaw(found, range, where);
    else {
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
    return [...this.found.values()].flatMap((rows) => [...rows.values()]).filter(({ parts }) => parts.count > 0);
  }

  /** One of the six answers about raw readings; the name of the result says which. */
  addAggregate(row: FluxRow): void {
    const timeUs = rowTimeUs(row);
    const parts = this.partsOf(row, 'raw', timeUs, () => ({
      ...partsOfReading(Number.NaN, timeUs),
      weight: 0,
      count: 0,
    }));
    if (!parts) return;
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

  /** A rollup of the tier below. */
  addRollup(row: FluxRow): void {
    const parts = readParts(row);
    if (parts) this.merge(row, row.get('form') as RollupForm, rowTimeUs(row), parts);
  }

  private merge(row: FluxRow, form: RollupForm, timeUs: number, parts: TimedParts): void {
    let isNew = false;
    const known = this.partsOf(row, form, timeUs, () => {
      isNew = true;
      return parts;
    });
    if (known && !isNew) mergeParts(known, parts);
  }

  private partsOf(row: FluxRow, form: RollupForm, timeUs: number, first: () => TimedParts): TimedParts | undefined {
    const series = this.registry.find(row.get('site')!, row.get('device')!, row.get('sensor')!);
    if (!series) return undefined;
    let rows = this.found.get(series);
    if (!rows) this.found.set(series, (rows = new Map()));
    const bucketUs = Math.floor(timeUs / this.tier.widthUs) * this.tier.widthUs;
    const key = `${form} ${bucketUs}`;
    let known = rows.get(key);
    if (!known) rows.set(key, (known = { series, form, bucketUs, parts: first() }));
    return known.parts;
  }
}
