import { bucketStart, minuteUs } from '#core/contract/time.js';
import type { DuckDBConnection } from '@duckdb/node-api';
import { formCodes } from './codes.js';
import type { MarkAddition } from './dirty-marks.js';
import type { Seal } from './seal.js';
import type { SeriesEntry } from './series-dictionary.js';
import { segmentTiers } from './tiers.js';

/** Late points of one series, none further from the next than its gap. */
interface Run {
  readonly series: SeriesEntry;
  readonly fromUs: number;
  readonly toUs: number;
}

/**
 * Which minutes the segment points of one batch make dirty: all from the point before to the one behind, unless these
 * are further away than the series' gap. Of a point newer than all others the one before is remembered; the neighbours
 * of a late one are looked up, once its batch is in the table.
 */
export class SegmentMarks {
  private readonly late = new Map<SeriesEntry, number[]>();

  constructor(
    private readonly marks: MarkAddition,
    private readonly seal: Seal,
  ) {}

  note(series: SeriesEntry, timeUs: number): void {
    if (series.interpolation === 'none') {
      // Not rolled up; but it will be looked up if the series is read otherwise one day.
      series.lastSegmentUs = undefined;
      return;
    }
    const last = series.lastSegmentUs;
    if (last === undefined || timeUs <= last) {
      const times = this.late.get(series);
      if (times) times.push(timeUs);
      else this.late.set(series, [timeUs]);
      return;
    }
    // If the transaction fails this is too new, and what comes next is late without need.
    series.lastSegmentUs = timeUs;
    this.touch(series, timeUs - last <= series.maxGapUs ? last : timeUs, timeUs);
  }

  /** Inside the transaction that has stored the points. */
  async addLate(connection: DuckDBConnection): Promise<void> {
    if (this.late.size === 0) return;
    const runs = [...this.late].flatMap(([series, times]) => runsOf(series, times));
    const found = await connection.runAndReadAll(neighboursSql(runs));
    for (const [i, beforeUs, behindUs] of found.getRows() as [number, number | null, number | null][]) {
      const { series, fromUs, toUs } = runs[i]!;
      this.touch(series, beforeUs ?? fromUs, behindUs ?? toUs);
    }
    await this.findNewest(connection);
  }

  private touch(series: SeriesEntry, fromUs: number, toUs: number): void {
    const tier = segmentTiers[0]!;
    for (let bucketUs = this.firstBucket(fromUs); bucketUs <= toUs; bucketUs += minuteUs) {
      this.marks.touch(tier.code, series.id, bucketUs, false);
    }
  }

  /** What is sealed is never computed again. */
  private firstBucket(timeUs: number): number {
    return bucketStart(Math.max(timeUs, this.seal.beforeUs), minuteUs);
  }

  /** After a restart: the newest point of each series, or the newest of this batch if that follows a gap. */
  private async findNewest(connection: DuckDBConnection): Promise<void> {
    const unknown = new Map([...this.late.keys()].flatMap((each) => (isUnknown(each) ? [[each.id, each]] : [])));
    if (unknown.size === 0) return;
    const oldestUs = Math.min(...[...unknown.values()].flatMap((series) => Math.min(...this.late.get(series)!)));
    const found = await connection.runAndReadAll(
      `SELECT series_id, max(time_us)::DOUBLE FROM points WHERE form = ${formCodes.segment} AND time_us >= ${oldestUs}
         AND series_id IN (${[...unknown.keys()].join(',')}) GROUP BY series_id`,
    );
    for (const [id, newestUs] of found.getRows() as [number, number][]) unknown.get(id)!.lastSegmentUs = newestUs;
  }
}

function isUnknown({ lastSegmentUs }: SeriesEntry): boolean {
  return lastSegmentUs === undefined;
}

function runsOf(series: SeriesEntry, times: number[]): Run[] {
  const runs: { series: SeriesEntry; fromUs: number; toUs: number }[] = [];
  for (const timeUs of times.sort((a, b) => a - b)) {
    const run = runs.at(-1);
    if (run && timeUs - run.toUs <= series.maxGapUs) run.toUs = timeUs;
    else runs.push({ series, fromUs: timeUs, toUs: timeUs });
  }
  return runs;
}

/** The last point before each run and the first behind it, by the run's place. */
function neighboursSql(runs: readonly Run[]): string {
  const rows = runs.map(
    ({ series, fromUs, toUs }, i) => `(${i}, ${series.id}, ${fromUs}, ${toUs}, ${series.maxGapUs})`,
  );
  // The bounds let the zone maps leave out the rest of the table.
  const fromUs = runs.reduce((least, run) => Math.min(least, run.fromUs - run.series.maxGapUs), Infinity);
  const toUs = runs.reduce((most, run) => Math.max(most, run.toUs + run.series.maxGapUs), -Infinity);
  return `SELECT r.place, (max(p.time_us) FILTER (p.time_us < r.from_us))::DOUBLE,
      (min(p.time_us) FILTER (p.time_us > r.to_us))::DOUBLE
    FROM (VALUES ${rows.join(',')}) r(place, series_id, from_us, to_us, gap_us) JOIN points p USING (series_id)
    WHERE p.form = ${formCodes.segment} AND p.time_us BETWEEN ${fromUs} AND ${toUs}
      AND p.time_us BETWEEN r.from_us - r.gap_us AND r.to_us + r.gap_us
    GROUP BY r.place`;
}
