import { deviceKey, type DeviceId } from '#core/contract/names.js';
import type { Clock } from '#core/runtime/clock.js';
import type { Logger } from '#core/runtime/logger.js';
import type { RepairOutcome, RollupTier, TimeRange } from '../store.js';
import type { BucketNames } from './buckets.js';
import { everySeries, type DirtyMarks, type Marked, type Round } from './dirty-marks.js';
import { matchingAny, type Flux } from './flux.js';
import type { LineWriter } from './line-writer.js';
import { emptyParts, rollupLine, type RollupRow } from './rollup-rows.js';
import type { RollupSource } from './rollup-source.js';
import type { Seal } from './seal.js';
import type { Series, SeriesRegistry } from './series-registry.js';
import { rollupTiers, type TierSpec } from './tiers.js';

export interface RepairerOptions {
  readonly source: RollupSource;
  readonly writer: LineWriter;
  readonly marks: DirtyMarks;
  readonly registry: SeriesRegistry;
  readonly seal: Seal;
  readonly buckets: BucketNames;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Whether tasks of InfluxDB compute the same tiers. */
  readonly tasks: boolean;
}

/** The most rounds of one tier in one repair; what is left waits for the next. */
const maxRounds = 40;
/** About how many rows one query may answer. */
const maxQueryRows = 200_000;
/** With more devices a predicate costs more than the rows that it spares. */
const maxPredicateDevices = 60;
/** How many rows of the tier below go into one bucket, at most. */
const rowsPerBucket = [6, 60, 24];

/** Computes dirty buckets again from the tier below, writes them, and marks the bucket above. One call at a time. */
export class Repairer {
  constructor(private readonly options: RepairerOptions) {}

  async repair(closedBeforeUs: number): Promise<RepairOutcome> {
    const { marks, clock } = this.options;
    marks.wakeSettled(clock.nowUs());
    const repaired: Record<RollupTier, number> = { '1m': 0, '1h': 0, '1d': 0 };
    for (const tier of rollupTiers) {
      // Open minutes wait; hours and days are computed while still open.
      const lastUs = tier.index === 0 ? closedBeforeUs - tier.widthUs : Number.POSITIVE_INFINITY;
      const windowsFromUs = this.options.seal.windowsEndUs(tier);
      repaired[tier.name] = await this.repairTier(tier, lastUs, maxRounds, windowsFromUs);
    }
    return { repaired, remaining: marks.size };
  }

  /** Repairs every dirty bucket of 1m and 1h that begins before `beforeUs`, so that parts may be added to it. */
  async repairBefore(beforeUs: number): Promise<void> {
    for (const tier of rollupTiers.slice(0, 2)) {
      if (this.options.marks.hasBefore(tier, beforeUs)) await this.repairTier(tier, beforeUs - 1, Infinity, -Infinity);
    }
  }

  private async repairTier(tier: TierSpec, lastUs: number, rounds: number, windowsFromUs: number): Promise<number> {
    let repaired = 0;
    for (let i = 0; i < rounds; i += 1) {
      const round = this.options.marks.take(tier, (bucketUs) => bucketUs <= lastUs);
      if (!round) break;
      repaired += await this.settle(round, windowsFromUs);
    }
    return repaired;
  }

  private async settle(round: Round, windowsFromUs: number): Promise<number> {
    const { marks, tasks, clock } = this.options;
    const { tier } = round;
    const startedUs = clock.nowUs();
    let succeeded = false;
    try {
      const repaired = await this.compute(round, windowsFromUs);
      this.markAbove(round);
      // The marks above become durable before those below go.
      await marks.save();
      succeeded = true;
      return repaired;
    } finally {
      const underTask = (bucketUs: number) => tasks && bucketUs + tier.widthUs + tier.task.settledAfterUs > startedUs;
      marks.settle(round, succeeded, underTask);
      if (succeeded) await marks.save();
    }
  }

  private async compute(round: Round, windowsFromUs: number): Promise<number> {
    const { source, writer, buckets, registry } = this.options;
    const { tier } = round;
    const wanted = this.stillComputable(round);
    if (wanted.size === 0) return 0;
    const where = predicateOf([...wanted.keys()]);
    const seriesCount = wanted.has(everySeries) || where === 'true' ? registry.size : wanted.size;
    let repaired = 0;
    for (const range of slices(tier, wanted, seriesCount)) {
      const rows = (await source.compute(tier, range, where, windowsFromUs)).filter((row) => isWanted(row, wanted));
      rows.push(...emptied(rows, wanted, range));
      const rejected = await writer.write(buckets[tier.name], bodiesOf(rows));
      for (const { error } of rejected) throw error;
      repaired += rows.length;
    }
    return Math.max(
      repaired,
      [...wanted.values()].reduce((sum, starts) => sum + starts.size, 0),
    );
  }

  /** A bucket whose sources may already be gone keeps the parts that it has. */
  private stillComputable({ tier, buckets }: Round): Map<Marked, Set<number>> {
    const { seal, clock, logger } = this.options;
    const nowUs = clock.nowUs();
    const wanted = new Map<Marked, Set<number>>();
    let lost = 0;
    for (const [marked, starts] of buckets) {
      const kept = starts.filter((bucketUs) => seal.isComputable(tier, bucketUs, nowUs));
      lost += starts.length - kept.length;
      if (kept.length > 0) wanted.set(marked, new Set(kept));
    }
    if (lost > 0)
      logger.error({ tier: tier.name, buckets: lost }, 'InfluxDB: buckets outlived their sources unrepaired');
    return wanted;
  }

  private markAbove({ tier, buckets }: Round): void {
    const above = rollupTiers[tier.index + 1];
    if (!above) return;
    for (const [marked, starts] of buckets) {
      for (const bucketUs of starts) {
        this.options.marks.add(above, marked, Math.floor(bucketUs / above.widthUs) * above.widthUs);
      }
    }
  }
}

function isWanted({ series, bucketUs }: RollupRow, wanted: ReadonlyMap<Marked, ReadonlySet<number>>): boolean {
  return (wanted.get(series)?.has(bucketUs) ?? false) || (wanted.get(everySeries)?.has(bucketUs) ?? false);
}

/** The wanted buckets of series with segments that segments give nothing to, any more or not yet. */
function* emptied(
  rows: readonly RollupRow[],
  wanted: ReadonlyMap<Marked, ReadonlySet<number>>,
  { fromUs, toUs }: TimeRange,
): Generator<RollupRow> {
  const full = new Set(
    rows.flatMap(({ series, form, bucketUs }) => (form === 'segment' ? [`${bucketUs} ${series.key}`] : [])),
  );
  for (const [series, starts] of wanted) {
    if (series === everySeries || !series.reading) continue;
    for (const bucketUs of starts) {
      if (bucketUs < fromUs || bucketUs >= toUs || full.has(`${bucketUs} ${series.key}`)) continue;
      yield { series, form: 'segment', bucketUs, parts: emptyParts(bucketUs) };
    }
  }
}

function predicateOf(marked: readonly Marked[]): Flux {
  const series = marked.filter((each): each is Series => each !== everySeries);
  if (series.length < marked.length) return 'true';
  if (series.length <= maxPredicateDevices) {
    return matchingAny(series.map(({ site, device, sensor }) => ({ site, device, sensor })));
  }
  const devices = new Map<string, DeviceId>(
    series.map(({ site, device }) => [deviceKey({ site, device }), { site, device }]),
  );
  return devices.size <= maxPredicateDevices ? matchingAny([...devices.values()]) : 'true';
}

/** Ranges that cover the wanted buckets, each short enough for one query. */
function* slices(
  tier: TierSpec,
  wanted: ReadonlyMap<Marked, ReadonlySet<number>>,
  series: number,
): Generator<TimeRange> {
  const starts = [...new Set([...wanted.values()].flatMap((each) => [...each]))].sort((a, b) => a - b);
  const perQuery = Math.max(1, Math.floor(maxQueryRows / (Math.max(1, series) * rowsPerBucket[tier.index]!)));
  for (let i = 0; i < starts.length;) {
    const fromUs = starts[i]!;
    const limitUs = fromUs + perQuery * tier.widthUs;
    let toUs = fromUs;
    for (; i < starts.length && starts[i]! < limitUs; i += 1) toUs = starts[i]! + tier.widthUs;
    yield { fromUs, toUs };
  }
}

function bodiesOf(rows: readonly RollupRow[]): string[] {
  const bodies: string[] = [];
  for (let i = 0; i < rows.length; i += 10_000) {
    bodies.push(
      rows
        .slice(i, i + 10_000)
        .map((row) => rollupLine(row))
        .join('\n'),
    );
  }
  return bodies;
}
