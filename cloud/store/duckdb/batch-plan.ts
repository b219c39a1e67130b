import { setImmediate as breathe } from 'node:timers/promises';
import type { Point } from '#core/contract/reading.js';
import { ledgerSource } from '../ledger-source.js';
import { bucketStart } from '#core/contract/time.js';
import type { DeviceAlert } from '#core/contract/alert.js';
import type { AlertsToStore, PackToStore, StoreBatch, WriteOutcome } from '../store.js';
import { MarkAddition, type DirtyMarks } from './dirty-marks.js';
import { ExpiredParts } from './expired-parts.js';
import { LedgerAddition, type Ledger } from './ledger.js';
import { PointColumns } from './point-columns.js';
import type { Seal } from './seal.js';
import { SegmentMarks } from './segment-marks.js';
import type { SeriesDictionary, SeriesEntry } from './series-dictionary.js';
import { lowestTier } from './tiers.js';

/** Points planned between two breaths: some milliseconds of the event loop. */
const breathPoints = 10_000;

export interface StoreMemory {
  readonly series: SeriesDictionary;
  readonly ledger: Ledger;
  readonly marks: DirtyMarks;
}

/** What one batch changes: made in memory, written by one transaction, and taken into memory after it. */
export class BatchPlan {
  readonly points = new PointColumns();
  readonly alerts: DeviceAlert[] = [];
  readonly ledger: LedgerAddition;
  readonly marks: MarkAddition;
  readonly segments: SegmentMarks;
  readonly expired: ExpiredParts;
  private readonly counts = { stored: 0, duplicate: 0, expired: 0 };

  private constructor(
    private readonly memory: StoreMemory,
    readonly seal: Seal,
    nowUs: number,
  ) {
    this.ledger = new LedgerAddition(memory.ledger);
    this.marks = new MarkAddition(memory.marks);
    this.segments = new SegmentMarks(this.marks, seal);
    this.expired = new ExpiredParts(seal, nowUs);
  }

  static async of(batch: StoreBatch, memory: StoreMemory, seal: Seal, nowUs: number): Promise<BatchPlan> {
    const plan = new BatchPlan(memory, seal, nowUs);
    let sinceBreath = 0;
    for (const pack of batch.packs) {
      plan.addPack(pack);
      sinceBreath += pack.pack.points.length;
      if (sinceBreath < breathPoints) continue;
      sinceBreath = 0;
      await breathe();
    }
    for (const alerts of batch.alerts) plan.addAlerts(alerts);
    return plan;
  }

  get outcome(): WriteOutcome {
    return { ...this.counts };
  }

  /** After the transaction. */
  commit(): void {
    this.memory.series.saved();
    this.ledger.commit();
    this.marks.commit();
    this.expired.commit();
  }

  private addPack(packed: PackToStore): void {
    const { pack, catalogue, source } = packed;
    if (!this.ledger.take(ledgerSource(pack, source), pack.seq, pack.replaces)) {
      this.counts.duplicate += pack.points.length;
      return;
    }
    const sensors = this.memory.series.sensorsOf(packed);
    for (const point of pack.points) {
      const series = sensors.get(point.sensor) ?? this.memory.series.add(catalogue, point.sensor);
      if (this.seal.isExpired(point.timeUs, point.window?.spanUs)) this.addExpired(series, point);
      else this.addPoint(series, point);
    }
  }

  private addExpired(series: SeriesEntry, point: Point): void {
    this.expired.add(series, point, this.marks);
    this.counts.expired += 1;
  }

  private addPoint(series: SeriesEntry, point: Point): void {
    this.points.push(series.id, point);
    this.counts.stored += 1;
    if (point.form === 'segment') return this.segments.note(series, point.timeUs);
    const isNewest = noteNewest(series, point);
    const tier = lowestTier(point);
    if (tier) this.marks.touch(tier.code, series.id, bucketStart(point.timeUs, tier.widthUs), !isNewest);
  }

  private addAlerts(pack: AlertsToStore): void {
    if (this.ledger.take(ledgerSource(pack, pack.source), pack.seq)) this.alerts.push(...pack.alerts);
  }
}

/**
 * Notes a point as the newest of its series and form; false if it is not, or nobody knows. One that is newer than what
 * this process wrote may be older than what stood in the file before.
 */
function noteNewest(series: SeriesEntry, { form, timeUs }: Point): boolean {
  const isBeyondFile = timeUs > series.storedUntilUs;
  if (form === 'window') {
    const last = series.lastWindowUs;
    series.lastWindowUs = last === undefined ? timeUs : Math.max(last, timeUs);
    return isBeyondFile && last !== undefined && timeUs > last;
  }
  if (form !== 'raw') return true;
  const last = series.lastRawUs;
  series.lastRawUs = last === undefined ? timeUs : Math.max(last, timeUs);
  if (last === undefined || timeUs <= last) return false;
  if (Number.isFinite(last)) noteInterval(series, timeUs - last);
  return isBeyondFile;
}

/** A slow average, in which one long gap counts as twice the usual. */
function noteInterval(series: SeriesEntry, gapUs: number): void {
  const usual = series.intervalUs;
  series.intervalUs = usual === 0 ? gapUs : usual + (Math.min(gapUs, 2 * usual) - usual) / 8;
}
