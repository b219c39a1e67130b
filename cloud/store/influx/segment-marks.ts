import { minuteUs } from '#core/contract/time.js';
import type { TimeRange } from '../store.js';
import type { DirtyMarks } from './dirty-marks.js';
import { fromBucket, matching, type Flux } from './flux.js';
import type { InfluxClient } from './influx-client.js';
import type { Patience } from './patience.js';
import { rowTimeUs } from './rollup-rows.js';
import type { Seal } from './seal.js';
import type { Series } from './series-registry.js';
import { rollupTiers } from './tiers.js';

export interface SegmentMarksOptions {
  readonly client: InfluxClient;
  readonly patience: Patience;
  readonly withinMs: number;
  /** The bucket of the points. */
  readonly bucket: string;
  readonly marks: DirtyMarks;
  readonly seal: Seal;
}

/** Points of one series that are not newer than all before, none further from the next than its gap. */
interface Run {
  readonly series: Series;
  readonly gapUs: number;
  readonly fromUs: number;
  toUs: number;
}

/** Runs looked up by one query. */
const runsPerQuery = 40;

/**
 * Marks the minutes that stored segment points change: all from the point before to the one behind, unless these are
 * further away than the series' gap. Of a point newer than all others the one before is remembered; the neighbours of a
 * late one are looked up.
 */
export class SegmentMarks {
  constructor(private readonly options: SegmentMarksOptions) {}

  /** The points must be stored. Marks in memory: `save` of the marks must follow. */
  async add(touched: ReadonlyMap<Series, readonly number[]>): Promise<void> {
    const runs: Run[] = [];
    const unknown = new Set<Series>();
    for (const [series, times] of touched) {
      if (!series.reading) continue;
      if (series.lastSegmentUs === undefined) unknown.add(series);
      this.sortOut(series, series.reading.maxGapUs, times, runs);
    }
    for (let i = 0; i < runs.length; i += runsPerQuery) {
      await this.addLate(runs.slice(i, i + runsPerQuery), unknown);
    }
  }

  private sortOut(series: Series, gapUs: number, times: readonly number[], runs: Run[]): void {
    let run: Run | undefined;
    for (const timeUs of [...times].sort((a, b) => a - b)) {
      const lastUs = series.lastSegmentUs;
      if (lastUs !== undefined && timeUs > lastUs) {
        this.touch(series, timeUs - lastUs <= gapUs ? lastUs : timeUs, timeUs);
        series.lastSegmentUs = timeUs;
      } else if (run && timeUs - run.toUs <= gapUs) {
        run.toUs = timeUs;
      } else {
        runs.push((run = { series, gapUs, fromUs: timeUs, toUs: timeUs }));
      }
    }
  }

  private async addLate(runs: readonly Run[], unknown: ReadonlySet<Series>): Promise<void> {
    const { client, patience, withinMs } = this.options;
    const queries = runs.flatMap((run, i) => this.queriesOf(run, i, unknown.has(run.series)));
    const found = await patience.run(withinMs, () =>
      client.collect(queries.join('\n'), (row) => ({ result: row.result, timeUs: rowTimeUs(row) })),
    );
    const timesOf = (name: string) => found.filter(({ result }) => result === name).map(({ timeUs }) => timeUs);
    runs.forEach(({ series, fromUs, toUs }, i) => {
      this.touch(series, Math.max(...timesOf(`before${i}`), -Infinity), toUs, fromUs);
      const behindUs = Math.min(...timesOf(`behind${i}`), Infinity);
      if (Number.isFinite(behindUs)) this.touch(series, toUs, behindUs);
      if (!unknown.has(series)) return;
      series.lastSegmentUs = Math.max(toUs, series.lastSegmentUs ?? -Infinity, ...timesOf(`newest${i}`));
    });
  }

  private queriesOf({ series, gapUs, fromUs, toUs }: Run, i: number, isUnknown: boolean): Flux[] {
    const ask = (name: string, range: TimeRange, fn: 'first' | 'last'): Flux => {
      const { site, device, sensor } = series;
      const own = [matching({ site, device, sensor }), 'r.form == "segment"', 'r._field == "quality"'];
      return `${fromBucket(this.options.bucket, range, ...own)} |> ${fn}() |> keep(columns: ["_time"])
        |> yield(name: "${name}${i}")`;
    };
    const neighbours = [
      ask('before', { fromUs: fromUs - gapUs, toUs: fromUs }, 'last'),
      ask('behind', { fromUs: toUs + 1, toUs: toUs + gapUs + 1 }, 'first'),
    ];
    const newest = { fromUs: toUs, toUs: Number.POSITIVE_INFINITY };
    return isUnknown ? [...neighbours, ask('newest', newest, 'last')] : neighbours;
  }

  /** What is sealed is never computed again. */
  private touch(series: Series, fromUs: number, toUs: number, elseFromUs = fromUs): void {
    const startUs = Math.max(Number.isFinite(fromUs) ? fromUs : elseFromUs, this.options.seal.beforeUs);
    for (let bucketUs = Math.floor(startUs / minuteUs) * minuteUs; bucketUs <= toUs; bucketUs += minuteUs) {
      this.options.marks.add(rollupTiers[0], series, bucketUs);
    }
  }
}
