import { SequenceRanges, type SequenceRange } from '#core/contract/sequence-ranges.js';
import { without, type Cursors } from './cursors.js';
import type { HeldEntry } from './entry-codec.js';
import type { Lane } from './outbox.js';

/** Reads committed packs: the newest ones from memory. */
export interface PackReader {
  read(from: number, to: number, limit: number): HeldEntry[] | Promise<HeldEntry[]>;
}

/** Packs that are about to be offered, and which numbers were looked at to find them. */
export interface Selection {
  readonly entries: readonly HeldEntry[];
  readonly covered: readonly SequenceRange[];
  readonly alertNumbers: readonly number[];
}

export type OfferOrder = 'oldest' | 'newest-session';

/** So many packs may wait unclaimed while the uplink still counts as following live. */
const maxLiveUnclaimed = 32;

/**
 * What the uplink has taken since it last connected; forgotten on `rewind` and with the process.
 * Only `Cursors` are durable.
 */
export class SendQueue {
  #claimed = SequenceRanges.from();
  #claimedAlerts = new Set<number>();
  #sessionStart = 0;
  #generation = 0;
  #offered = { alert: false, data: false };
  #passedAlerts: number[] = [];

  constructor(
    private readonly cursors: () => Cursors,
    private readonly reader: PackReader,
  ) {}

  /** Changes with each `rewind`: a selection made before is void. */
  get generation(): number {
    return this.#generation;
  }

  rewind(): void {
    this.#generation += 1;
    this.#claimed = this.cursors().acked.clone();
    this.#claimedAlerts.clear();
    this.#sessionStart = this.cursors().nextSeq;
    this.#offered = { alert: false, data: false };
  }

  /** The numbers mean other packs from now on. */
  renumber(): void {
    this.#passedAlerts = [];
    this.rewind();
  }

  /**
   * Whether a pack appended now will be offered at once. Its offer is then marked in the append's own commit, which
   * spares the live path a second synced write; if it is not offered after all, it merely can never be thinned.
   */
  isLive(lane: Lane): boolean {
    if (!this.#offered[lane]) return false;
    const cursors = this.cursors();
    if (lane === 'alert') return cursors.alerts.length - this.#claimedAlerts.size <= maxLiveUnclaimed;
    const waiting = this.#claimed.missing(this.#sessionStart, cursors.lastSeq);
    return waiting.reduce((sum, [from, to]) => sum + to - from + 1, 0) <= maxLiveUnclaimed;
  }

  async select(lane: Lane, max: number, order: OfferOrder, below = Infinity): Promise<Selection> {
    // What waits for something is not offered at once.
    this.#offered[lane] = below === Infinity;
    return lane === 'alert' ? this.#selectAlerts(max) : this.#selectData(max, order, below);
  }

  /** Numbers of alerts inside runs of claimed data: nothing of the data lane is there, so its ranges may close over them. */
  get passedAlerts(): readonly number[] {
    return this.#passedAlerts;
  }

  forgetPassedAlerts(count: number): void {
    this.#passedAlerts.splice(0, count);
  }

  claim({ entries, covered, alertNumbers }: Selection): void {
    this.#passedAlerts.push(...alertNumbers);
    for (const [from, to] of covered) this.#claimed.add(from, to);
    for (const { seq, lane } of entries) if (lane === 'alert') this.#claimedAlerts.add(seq);
  }

  /** A settled pack is not offered again, whoever settled it. */
  settle(seq: number, lane: Lane): void {
    if (lane === 'alert') this.#claimedAlerts.delete(seq);
    else this.#claimed.add(seq);
  }

  settleRange(from: number, to: number): void {
    this.#claimed.add(from, to);
  }

  requeue(seq: number, lane: Lane): void {
    if (lane === 'data') this.#claimed = without(this.#claimed, seq, seq);
  }

  async #selectAlerts(max: number): Promise<Selection> {
    const entries: HeldEntry[] = [];
    for (const { seq } of this.cursors()
      .alerts.filter((alert) => !this.#claimedAlerts.has(alert.seq))
      .slice(0, max)) {
      const found = this.reader.read(seq, seq, 1);
      entries.push(...(Array.isArray(found) ? found : await found).filter(isSound));
    }
    return { entries, covered: [], alertNumbers: [] };
  }

  async #selectData(max: number, order: OfferOrder, below: number): Promise<Selection> {
    const { oldestHeld } = this.cursors();
    const lastSeq = Math.min(this.cursors().lastSeq, below - 1);
    const entries: HeldEntry[] = [];
    const covered: SequenceRange[] = [];
    const alertNumbers: number[] = [];
    for (const [from, to] of this.#claimed.missing(order === 'oldest' ? oldestHeld : this.#sessionStart, lastSeq)) {
      for (let next = from; next <= to && entries.length < max;) {
        const limit = max - entries.length;
        const read = this.reader.read(next, to, limit);
        const found = Array.isArray(read) ? read : await read;
        for (const entry of found) {
          if (entry.lane === 'alert') alertNumbers.push(entry.seq);
          else if (isSound(entry)) entries.push(entry);
        }
        const end = found.length < limit ? to : found.at(-1)!.seq;
        covered.push([next, end]);
        next = end + 1;
      }
      if (entries.length >= max) break;
    }
    return { entries, covered, alertNumbers };
  }
}

function isSound({ kind }: HeldEntry): boolean {
  return kind !== 'damaged';
}
