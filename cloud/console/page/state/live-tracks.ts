import { seriesPerQuery, type ApiClient, type QueryRequest } from '../api/client.js';
import { seriesPerFeed, type LiveFeed } from '../api/live-feed.js';
import type { Completeness, LivePoint, Quality, QueryAnswer, QuerySeries } from '../api/types.js';
import { BucketFold, type FoldedPoint } from '../model/live-bucket.js';
import { PointBuffer } from '../model/point-buffer.js';

export interface TrackOptions {
  readonly api: ApiClient;
  readonly live: LiveFeed;
  readonly series: readonly string[];
  /** Points kept of each series. */
  readonly capacity: number;
  /** Series of one request, at most {@link seriesPerQuery}: few let the first of them be shown sooner. */
  readonly perQuery?: number;
}

/** Buckets behind the store's last that may not be rolled up yet, beside the open one. */
const openBuckets = 2;

export type LoadRequest = Omit<QueryRequest, 'series'>;

/**
 * The points of some series: history from the store, and live readings behind it. The readings of the first
 * {@link seriesPerFeed} come by the live stream; those of the others only by asking again.
 */
export class LiveTracks {
  private readonly buffers: ReadonlyMap<string, PointBuffer>;
  private readonly last = new Map<string, LivePoint>();
  private readonly folds = new Map<string, BucketFold>();
  private readonly storedToMs = new Map<string, number>();
  private bucketMs = 0;
  private following = true;
  private onPoints: ((touched: ReadonlySet<string>) => void) | undefined;
  private unlisten: (() => void)[] = [];

  constructor(private readonly options: TrackOptions) {
    this.buffers = new Map(options.series.map((name) => [name, new PointBuffer(options.capacity)]));
  }

  /** Starts to listen; `onPoints` is called with the series touched after each message and each part of the history. */
  follow(onPoints: (touched: ReadonlySet<string>) => void): void {
    const { live, series } = this.options;
    this.onPoints = onPoints;
    live.watch(series);
    this.unlisten.push(live.on('readings', (points) => onPoints(this.take(points))));
  }

  end(): void {
    for (const undo of this.unlisten.splice(0)) undo();
    this.onPoints = undefined;
    this.options.live.watch([]);
  }

  buffer(series: string): PointBuffer {
    return this.buffers.get(series)!;
  }

  /** The oldest point of any series; Infinity while there is none. */
  oldestMs(): number {
    return Math.min(...[...this.buffers.values()].map(({ firstMs }) => firstMs));
  }

  /** The newest live reading of a series. */
  newest(series: string): LivePoint | undefined {
    return this.last.get(series);
  }

  /** Series that no live stream brings. */
  get unfollowed(): readonly string[] {
    return this.options.series.slice(seriesPerFeed);
  }

  /**
   * Loads a range anew: what is there is replaced as soon as the answer is. Live readings go on being added while
   * `follow`; to rollups of a minute as the open bucket, after {@link loadOpenBuckets}; to wider ones not at all.
   */
  async load(request: LoadRequest, follow: boolean, signal: AbortSignal): Promise<QueryAnswer> {
    const all: QuerySeries[] = [];
    const sources = new Map<string, Completeness>();
    let first: QueryAnswer | undefined;
    let tailFromMs = Infinity;
    for await (const answer of this.query(this.options.series, request, signal)) {
      if (!first) tailFromMs = this.goOn(answer.tier, follow) ? request.fromUs / 1000 : Infinity;
      first ??= answer;
      for (const series of answer.series) this.fill(series, tailFromMs);
      all.push(...answer.series);
      for (const one of answer.completeness) sources.set(one.source, one);
      this.onPoints?.(new Set(answer.series.map(({ series }) => series)));
    }
    return { ...first!, series: all, completeness: [...sources.values()] };
  }

  /** Sets what live readings are added to; whether those already there go on with the tier. */
  private goOn(tier: QueryAnswer['tier'], follow: boolean): boolean {
    const bucketMs = tier === '1m' ? 60_000 : 0;
    const goesOn = this.following && follow && bucketMs === this.bucketMs;
    this.folds.clear();
    this.bucketMs = bucketMs;
    this.following = follow && (tier === 'raw' || tier === '1m');
    return goesOn && bucketMs === 0;
  }

  /**
   * Makes the buckets that the store has not rolled up yet from its raw points, so that the open one is whole from its
   * start and live readings go on with it.
   */
  async loadOpenBuckets(toUs: number, signal: AbortSignal): Promise<void> {
    const { bucketMs } = this;
    if (!this.following || bucketMs === 0) return;
    const fromUs = (Math.floor(toUs / 1000 / bucketMs) - openBuckets) * bucketMs * 1000;
    const request = { fromUs, toUs: toUs + 60e6, tier: 'raw', limit: 2000 } as const;
    for await (const answer of this.query(this.options.series, request, signal))
      for (const { series, columns } of answer.series) this.foldColumns(series, columns);
  }

  private foldColumns(series: string, { timeUs, value, count, min, max }: QuerySeries['columns']): void {
    this.folds.delete(series);
    for (let i = 0; i < timeUs.length; i += 1) {
      const number = value[i];
      if (typeof number !== 'number') continue;
      this.fold(series, { timeMs: timeUs[i]! / 1000, value: number, count: count[i], min: min[i], max: max[i] });
    }
  }

  private fold(series: string, point: FoldedPoint): void {
    const buffer = this.buffers.get(series)!;
    let fold = this.folds.get(series);
    if (!fold) this.folds.set(series, (fold = new BucketFold(this.bucketMs)));
    const bucket = fold.add(point);
    if (!bucket) return;
    // What the store rolled up is right; only the bucket behind its last is ours to draw.
    const stored = this.storedToMs.get(series) ?? -Infinity;
    if (bucket.startMs > stored)
      buffer.push({ timeMs: bucket.startMs, value: bucket.mean, min: bucket.min, max: bucket.max });
  }

  /** Asks for what came since `fromUs` of the series that no live stream brings. */
  async poll(request: LoadRequest, signal: AbortSignal): Promise<void> {
    for await (const answer of this.query(this.unfollowed, request, signal)) {
      for (const { series, columns } of answer.series) {
        const buffer = this.buffers.get(series);
        if (buffer) pushColumns(buffer, columns);
      }
    }
  }

  private async *query(series: readonly string[], request: LoadRequest, signal: AbortSignal) {
    const { api, perQuery = seriesPerQuery } = this.options;
    let tier = request.tier;
    for (let i = 0; i < series.length; i += perQuery) {
      const answer = await api.query({ ...request, tier, series: series.slice(i, i + perQuery) }, signal);
      // The tier that the first answer chose holds for all, or one chart would mix two.
      tier = answer.tier;
      yield answer;
    }
  }

  /** Replaces what is there; live points behind the answer's end stay, if they are not before `tailFromMs`. */
  private fill({ series, columns }: QuerySeries, tailFromMs: number): void {
    const buffer = this.buffers.get(series);
    if (!buffer) return;
    const endMs = (columns.timeUs.at(-1) ?? -Infinity) / 1000;
    const tail = buffer.after(Math.max(endMs, tailFromMs));
    buffer.clear();
    pushColumns(buffer, columns);
    this.storedToMs.set(series, endMs);
    for (const point of tail) buffer.push(point);
  }

  private take(points: readonly LivePoint[]): Set<string> {
    const touched = new Set<string>();
    for (const point of points) {
      const [series, timeUs] = point;
      if (!this.buffers.has(series)) continue;
      touched.add(series);
      const before = this.last.get(series);
      if (!before || before[1] <= timeUs) this.last.set(series, point);
      if (this.following && typeof point[2] === 'number') this.append(point, point[2]);
    }
    return touched;
  }

  private append([series, timeUs, , quality]: LivePoint, value: number): void {
    const point = { timeMs: timeUs / 1000, value };
    if (this.bucketMs === 0) this.buffers.get(series)!.push({ ...point, quality });
    // A fold begins with the raw points of its bucket, or its mean would be of half a minute.
    else if (this.folds.has(series)) this.fold(series, point);
  }
}

function pushColumns(buffer: PointBuffer, { timeUs, value, min, max, quality }: QuerySeries['columns']): void {
  for (let i = 0; i < timeUs.length; i += 1) {
    const number = value[i];
    buffer.push({
      timeMs: timeUs[i]! / 1000,
      value: typeof number === 'number' ? number : NaN,
      min: min[i] ?? NaN,
      max: max[i] ?? NaN,
      quality: (quality[i] as Quality | null | undefined) ?? 'good',
    });
  }
}
