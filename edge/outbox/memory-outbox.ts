import { SequenceRanges, type SequenceRange } from '#core/contract/sequence-ranges.js';
import { RejectedError, RetryableError } from '#core/runtime/errors.js';
import { encodeEntries } from './encode-entries.js';
import type { Entry, Lane, NewEntry, Outbox, OutboxStatus, Thinner } from './outbox.js';
import { randomHex, type RandomBytes } from './random-bytes.js';

export interface MemoryOutboxOptions {
  /** Counts payloads; the whole process has to live with it. */
  readonly maxBytes: number;
  readonly thinner: Thinner;
  readonly random: RandomBytes;
}

interface Pack extends Entry {
  readonly kind: 'raw' | 'thinned' | 'tombstone';
  readonly dropped: number;
  readonly replaces: readonly SequenceRange[];
  acknowledged: boolean;
  offered: boolean;
  claimed: boolean;
}

/**
 * The outbox without a disk: for a host that has none, and as the model that the one on disk is tested against. It
 * says what is meant in the plainest way and is slow where that is plainer. Nothing survives the process.
 */
export class MemoryOutbox implements Outbox {
  readonly #packs = new Map<number, Pack>();
  readonly #listeners = new Set<() => void>();
  #nextSeq = 0;
  #sessionStart = 0;
  #open = false;

  #epoch: string;

  constructor(private readonly options: MemoryOutboxOptions) {
    this.#epoch = randomHex(options.random, 16);
  }

  get epoch(): string {
    return this.#epoch;
  }

  async start(): Promise<void> {
    if (!this.#open) this.rewind();
    this.#open = true;
  }

  async stop(): Promise<void> {
    this.#open = false;
  }

  async append(entries: readonly NewEntry[]): Promise<number[]> {
    this.#assertOpen();
    if (entries.length === 0) return [];
    this.#makeRoom();
    const encoded = encodeEntries(entries, this.#nextSeq, this.epoch);
    const seqs = encoded.map(({ lane, readings, payload }) => this.#add(lane, readings, payload));
    queueMicrotask(() => this.#listeners.forEach((listener) => listener()));
    return seqs;
  }

  async offer(
    lane: Lane,
    max: number,
    order: 'oldest' | 'newest-session' = 'oldest',
    below = Infinity,
  ): Promise<Entry[]> {
    this.#assertOpen();
    const from = order === 'oldest' || lane === 'alert' ? 0 : this.#sessionStart;
    const to = lane === 'alert' ? Infinity : below;
    const waiting = this.#pending().filter(
      (pack) => pack.lane === lane && pack.seq >= from && pack.seq < to && !pack.claimed,
    );
    const taken = waiting.slice(0, Math.max(0, max));
    for (const pack of taken) pack.offered = pack.claimed = true;
    return taken;
  }

  async acknowledge(seqs: readonly number[]): Promise<void> {
    this.#assertOpen();
    for (const seq of seqs) {
      const pack = this.#packs.get(seq);
      if (pack) pack.acknowledged = pack.claimed = true;
    }
  }

  rewind(): void {
    for (const pack of this.#pending()) pack.claimed = false;
    this.#sessionStart = this.#nextSeq;
  }

  async resend(from: number, to: number): Promise<number[]> {
    this.#assertOpen();
    const found = [...this.#packs.values()].filter(({ seq, acknowledged }) => acknowledged && seq >= from && seq <= to);
    for (const pack of found) pack.acknowledged = pack.claimed = false;
    if (found.length > 0) queueMicrotask(() => this.#listeners.forEach((listener) => listener()));
    return found.map(({ seq }) => seq);
  }

  async renew(): Promise<string> {
    this.#assertOpen();
    const { thinner, random } = this.options;
    if (!thinner.renumber) throw new RejectedError('refused', 'packs of this outbox cannot be given other numbers');
    const pending = this.#pending();
    this.#epoch = randomHex(random, 16);
    this.#packs.clear();
    this.#nextSeq = 0;
    for (const pack of pending) {
      const payload = thinner.renumber(pack, this.#nextSeq, this.epoch);
      this.#add(pack.lane, pack.readings, payload, { kind: pack.kind, dropped: pack.dropped });
    }
    this.rewind();
    queueMicrotask(() => this.#listeners.forEach((listener) => listener()));
    return this.epoch;
  }

  status(): OutboxStatus {
    const pending = this.#pending();
    return {
      lastSeq: this.#nextSeq - 1,
      oldestHeld: this.#packs.keys().next().value ?? this.#nextSeq,
      pendingPacks: pending.length,
      pendingReadings: pending.reduce((sum, { readings }) => sum + readings, 0),
      bytes: 0,
    };
  }

  onAppend(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #add(lane: Lane, readings: number, payload: Uint8Array, over: Partial<Pack> = {}): number {
    const seq = this.#nextSeq++;
    const state = { acknowledged: false, offered: false, claimed: false };
    this.#packs.set(seq, { seq, lane, readings, payload, kind: 'raw', dropped: 0, replaces: [], ...state, ...over });
    return seq;
  }

  /** In the order of their numbers, which is the order in which they were added. */
  #pending(): Pack[] {
    return [...this.#packs.values()].filter(({ acknowledged }) => !acknowledged);
  }

  #makeRoom(): void {
    while (this.#bytes() > this.options.maxBytes) {
      if (!this.#dropAcknowledged() && !this.#thinOldest() && !this.#dropOldest()) {
        throw new RetryableError('disk-full', 'the outbox is full of packs that wait for their receipt');
      }
    }
  }

  #bytes(): number {
    return [...this.#packs.values()].reduce((sum, { payload }) => sum + payload.byteLength, 0);
  }

  #dropAcknowledged(): boolean {
    const oldest = [...this.#packs.values()].find(({ acknowledged }) => acknowledged);
    return oldest !== undefined && this.#packs.delete(oldest.seq);
  }

  /** The oldest raw packs that were never offered, one by one. */
  #thinOldest(): boolean {
    for (const pack of this.#neverOffered()) {
      if (pack.lane === 'alert' || pack.kind !== 'raw') continue;
      const thinned = this.options.thinner.thin([pack], replacedBy([pack]), this.#nextSeq, this.epoch);
      if (!thinned || thinned.payload.byteLength >= pack.payload.byteLength) continue;
      this.#replace([pack], 'thinned', thinned.payload, thinned.readings, 0);
      return true;
    }
    return false;
  }

  #dropOldest(): boolean {
    const never = this.#neverOffered();
    const victim = never.find((pack) => pack.lane === 'data' && pack.kind !== 'tombstone') ?? never.find(isAlert);
    if (!victim) return false;
    const group = [...never.filter(({ kind }) => kind === 'tombstone'), victim];
    const dropped = group.reduce((sum, pack) => sum + pack.dropped, victim.readings);
    const replaced = replacedBy(group);
    const payload = this.options.thinner.tombstone('outbox-full', dropped, replaced, this.#nextSeq, this.epoch);
    this.#replace(group, 'tombstone', payload, 0, dropped);
    return true;
  }

  #neverOffered(): Pack[] {
    return this.#pending().filter(({ offered }) => !offered);
  }

  #replace(group: readonly Pack[], kind: Pack['kind'], payload: Uint8Array, readings: number, dropped: number): void {
    for (const { seq } of group) this.#packs.delete(seq);
    this.#add('data', readings, payload, { kind, dropped, replaces: replacedBy(group) });
  }

  #assertOpen(): void {
    if (!this.#open) throw new RetryableError('stopped', 'the outbox is not open');
  }
}

function isAlert({ lane }: Pack): boolean {
  return lane === 'alert';
}

function replacedBy(group: readonly Pack[]): SequenceRange[] {
  const all = SequenceRanges.from(group.map(({ seq }) => [seq, seq]));
  for (const { replaces } of group) all.addAll(SequenceRanges.from(replaces));
  return [...all].map(([from, to]) => [from, to]);
}
