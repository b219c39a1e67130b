import { z } from 'zod';
import { epochSchema } from '#core/contract/names.js';
import { SequenceRanges } from '#core/contract/sequence-ranges.js';
import type { Lane } from './outbox.js';

/** An alert pack that is not yet acknowledged. */
export interface PendingAlert {
  readonly seq: number;
  readonly readings: number;
}

/** More pending alerts than this are not written with every commit; the rest is read back from their packs. */
const maxStoredAlerts = 256;

const ranges = z.string().transform((text) => SequenceRanges.parse(text));
const storedSchema = z.object({
  commits: z.int(),
  epoch: epochSchema,
  nextSeq: z.int(),
  oldestHeld: z.int(),
  acked: ranges,
  offered: ranges,
  packs: z.int(),
  readings: z.int(),
  alerts: z.array(z.tuple([z.int(), z.int()])),
  alertsFrom: z.int().optional(),
  alertsOfferedTo: z.int(),
  doomed: ranges,
});

/**
 * Where an outbox stands: the one small record that is written with every commit, so that head and tail are never
 * found by scanning. Data packs are kept as ranges and alert packs as a list, because alerts overtake: `acked` and
 * `offered` speak of data packs only, and may hold the numbers of alerts in between or not.
 */
export class Cursors {
  /** Rises with each commit; tells whether a commit that failed is on disk all the same. */
  commits = 0;
  nextSeq = 0;
  oldestHeld = 0;
  acked = SequenceRanges.from();
  offered = SequenceRanges.from();
  dataPacks = 0;
  dataReadings = 0;
  alerts: PendingAlert[] = [];
  /** Every alert up to this number was offered. */
  alertsOfferedTo = -1;
  /** Settled, and to be deleted: written before the packs go, so that a crash in between leaves none behind. */
  doomed = SequenceRanges.from();
  /** Set after `decode` when only alerts below it are listed. */
  alertsFrom: number | undefined;

  constructor(readonly epoch: string) {}

  get lastSeq(): number {
    return this.nextSeq - 1;
  }

  get pendingPacks(): number {
    return this.dataPacks + this.alerts.length;
  }

  get pendingReadings(): number {
    return this.alerts.reduce((sum, alert) => sum + alert.readings, this.dataReadings);
  }

  isPending(seq: number, lane: Lane): boolean {
    if (seq < 0 || seq >= this.nextSeq) return false;
    return lane === 'alert' ? this.alertAt(seq) !== undefined : !this.acked.has(seq);
  }

  isOffered(seq: number, lane: Lane): boolean {
    return lane === 'alert' ? seq <= this.alertsOfferedTo : this.offered.has(seq);
  }

  /** Counts a new pack in; its number is `nextSeq`. */
  append(lane: Lane, readings: number): void {
    const seq = this.nextSeq++;
    if (lane === 'alert') this.alerts.push({ seq, readings });
    else this.count(1, readings);
  }

  /** False if it was not pending. */
  settle(seq: number, lane: Lane, readings: number): boolean {
    if (!this.isPending(seq, lane)) return false;
    if (lane === 'alert') this.alerts.splice(this.alertIndex(seq), 1);
    else {
      this.acked.add(seq);
      this.count(-1, -readings);
    }
    return true;
  }

  /** Makes an acknowledged pack pending again. */
  requeue(seq: number, lane: Lane, readings: number): void {
    if (lane === 'alert') this.alerts.splice(this.alertIndex(seq), 0, { seq, readings });
    else {
      this.acked = without(this.acked, seq, seq);
      this.count(1, readings);
    }
  }

  clone(): Cursors {
    const copy = new Cursors(this.epoch);
    Object.assign(copy, this);
    copy.acked = this.acked.clone();
    copy.offered = this.offered.clone();
    copy.doomed = this.doomed.clone();
    copy.alerts = [...this.alerts];
    return copy;
  }

  encode(): Buffer {
    return Buffer.from(
      JSON.stringify({
        commits: this.commits,
        epoch: this.epoch,
        nextSeq: this.nextSeq,
        oldestHeld: this.oldestHeld,
        acked: this.acked.toString(),
        offered: this.offered.toString(),
        packs: this.dataPacks,
        readings: this.dataReadings,
        alerts: this.alerts.slice(0, maxStoredAlerts).map(({ seq, readings }) => [seq, readings]),
        alertsFrom: this.alerts[maxStoredAlerts]?.seq,
        alertsOfferedTo: this.alertsOfferedTo,
        doomed: this.doomed.toString(),
      }),
    );
  }

  /** Throws on anything that `encode` did not write. */
  static decode(value: Uint8Array): Cursors {
    const { epoch, packs, readings, alerts, ...rest } = storedSchema.parse(JSON.parse(Buffer.from(value).toString()));
    const cursors = new Cursors(epoch);
    Object.assign(cursors, { alertsFrom: undefined, ...rest, dataPacks: packs, dataReadings: readings });
    cursors.alerts = alerts.map(([seq, count]) => ({ seq, readings: count }));
    return cursors;
  }

  private count(packs: number, readings: number): void {
    this.dataPacks += packs;
    this.dataReadings += readings;
  }

  private alertAt(seq: number): PendingAlert | undefined {
    const alert = this.alerts[this.alertIndex(seq)];
    return alert?.seq === seq ? alert : undefined;
  }

  /** The index of the first pending alert at or after `seq`. */
  private alertIndex(seq: number): number {
    let low = 0;
    let high = this.alerts.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.alerts[middle]!.seq < seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** The set without the numbers of [from, to]. */
export function without(set: SequenceRanges, from: number, to: number): SequenceRanges {
  const kept = SequenceRanges.from();
  for (const [low, high] of set) {
    if (low < from) kept.add(low, Math.min(high, from - 1));
    if (high > to) kept.add(Math.max(low, to + 1), high);
  }
  return kept;
}
