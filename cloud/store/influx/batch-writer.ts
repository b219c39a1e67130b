import type { Clock } from '#core/runtime/clock.js';
import { ledgerSource } from '../ledger-source.js';
import type { AlertsToStore, PackToStore, StoreBatch, WriteOutcome } from '../store.js';
import { alertLine } from './alert-lines.js';
import type { BucketNames } from './buckets.js';
import type { DirtyMarks } from './dirty-marks.js';
import type { ExpiredMerger } from './expired-merger.js';
import type { InfluxCounters } from './influx-counters.js';
import { LedgerAddition, type Ledger } from './ledger.js';
import type { LineWriter, RejectedLine } from './line-writer.js';
import { pointLine, pointLines, type Touched } from './point-lines.js';
import { PointsRejectedError, type RejectedPoint } from './rejected-points.js';
import type { Seal } from './seal.js';
import type { SegmentMarks } from './segment-marks.js';
import type { SeriesRegistrar } from './series-registrar.js';
import type { SeriesRegistry } from './series-registry.js';

export interface BatchWriterOptions {
  readonly writer: LineWriter;
  readonly registry: SeriesRegistry;
  readonly registrar: SeriesRegistrar;
  readonly ledger: Ledger;
  readonly marks: DirtyMarks;
  readonly segmentMarks: SegmentMarks;
  readonly seal: Seal;
  /** Adds expired points to the rollups while nothing else computes these. */
  readonly merge: ExpiredMerger['merge'];
  readonly buckets: BucketNames;
  readonly clock: Clock;
  readonly counters: InfluxCounters;
  readonly tasks: boolean;
  readonly alertsKeptUs: number;
}

/** A bucket is late this long before its task is due, in case our clock is behind InfluxDB's. */
const lateMarginUs = 2_000_000;

/**
 * Stores one batch: new series, points, rollups of expired points, dirty marks, and only then the ledger. Each step may
 * be repeated, so whatever a crash cuts off, the same batch written again completes it.
 */
export class BatchWriter {
  constructor(private readonly options: BatchWriterOptions) {}

  async write(batch: StoreBatch): Promise<WriteOutcome> {
    const { ledger, registrar, registry, seal, counters } = this.options;
    const addition = new LedgerAddition(ledger);
    const fresh = batch.packs.filter(({ pack, source }) =>
      addition.take(ledgerSource(pack, source), pack.seq, pack.replaces),
    );
    const freshAlerts = batch.alerts.filter((pack) => addition.take(ledgerSource(pack, pack.source), pack.seq));
    await registrar.prepare(fresh);
    const lines = pointLines(fresh, registry, seal);
    const { writer, buckets } = this.options;
    this.throwRejected(await writer.write(buckets.realtime, lines.bodies, lines.days), batch.packs);
    await this.writeAlerts(freshAlerts);
    if (lines.expired.length > 0) await this.options.merge(lines.expired);
    if (lines.segments.size > 0) await this.options.segmentMarks.add(lines.segments);
    await this.markLate(lines.touched);
    await ledger.add(addition);
    const all = countPoints(batch.packs);
    const outcome = { stored: lines.stored, duplicate: all - countPoints(fresh), expired: lines.expired.length };
    counters.stored(outcome.stored);
    counters.duplicate(outcome.duplicate);
    counters.expired(outcome.expired);
    return outcome;
  }

  private async writeAlerts(packs: readonly AlertsToStore[]): Promise<void> {
    const { writer, buckets, clock, counters, alertsKeptUs } = this.options;
    const alerts = packs.flatMap((pack) => pack.alerts);
    const kept = alerts.filter(({ timeUs }) => timeUs >= clock.nowUs() - alertsKeptUs);
    counters.alertsExpired(alerts.length - kept.length);
    if (kept.length === 0) return;
    const rejected = await writer.write(buckets.alerts, [kept.map(alertLine).join('\n')]);
    for (const { error } of rejected) throw error;
  }

  /** Marks the buckets that a task may already have computed; asked after the points were written. */
  private async markLate(touched: readonly Touched[]): Promise<void> {
    const { marks, clock, tasks } = this.options;
    const nowUs = clock.nowUs();
    for (const { series, entry, bucketUs, surely } of touched) {
      const { tier, form } = entry;
      const dueUs = bucketUs + tier.widthUs + tier.task.offsetUs - lateMarginUs;
      // Where two forms may share a bucket, only the store can tell which was first and which last.
      const mixed = series.enteredAs !== form;
      series.enteredAs = form;
      if (surely || mixed || !tasks || dueUs <= nowUs) marks.add(tier, series, bucketUs);
    }
    await marks.save();
  }

  private throwRejected(rejected: readonly RejectedLine[], packs: readonly PackToStore[]): void {
    if (rejected.length === 0) return;
    const points = this.nameRejected(rejected, packs);
    this.options.counters.rejected(points.length);
    throw new PointsRejectedError(points, { cause: rejected[0]!.error });
  }

  private nameRejected(rejected: readonly RejectedLine[], packs: readonly PackToStore[]): RejectedPoint[] {
    const { registry } = this.options;
    const details = new Map(rejected.map(({ line, error }) => [line, error.message]));
    return packs.flatMap(({ pack: { site, device, points } }, pack) =>
      points.flatMap((point, index) => {
        const series = registry.find(site, device, point.sensor);
        const detail = series && details.get(pointLine(series, point));
        return detail === undefined ? [] : [{ pack, index, point, detail }];
      }),
    );
  }
}

function countPoints(packs: readonly PackToStore[]): number {
  return packs.reduce((count, { pack }) => count + pack.points.length, 0);
}
