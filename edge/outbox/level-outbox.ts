import { Registry } from 'prom-client';
import type { Clock } from '#core/runtime/clock.js';
import type { Logger } from '#core/runtime/logger.js';
import { StageMeter } from '#core/runtime/metrics.js';
import { RejectedError, RetryableError } from '#core/runtime/errors.js';
import type { HeldEntry } from './entry-codec.js';
import type { Entry, Lane, NewEntry, Outbox, OutboxStatus, Thinner } from './outbox.js';
import { observeOutbox } from './outbox-metrics.js';
import { OutboxStore } from './outbox-store.js';
import { OutboxWriter } from './outbox-writer.js';
import type { MakeLevelDb } from './pack-db.js';
import type { RandomBytes } from './random-bytes.js';
import { renumberPacks } from './renumber-packs.js';
import { findResend } from './resend.js';
import { RoomMaker } from './room-maker.js';
import { SendQueue, type OfferOrder } from './send-queue.js';

export interface LevelOutboxOptions {
  /** Belongs to this outbox alone. */
  readonly directory: string;
  /** Size on disk, garbage and reserve included. At least the reserve and 6 MiB. */
  readonly maxBytes: number;
  /** Set aside for a full disk; at least 1 MiB, and 16 MiB are always enough. */
  readonly reserveBytes: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly thinner: Thinner;
  /** What may be written to the card before it wears out; default 10 TB. */
  readonly enduranceBytes?: number;
  /** For the epoch: `randomBytes` of node:crypto. */
  readonly random: RandomBytes;
  /** The stage `edge_outbox` and its gauges; one outbox per registry. */
  readonly registry?: Registry;
  readonly makeLevelDb?: MakeLevelDb;
}

/** An acknowledgement that no append carries along is written after this time. */
const acknowledgementFlushMs = 1000;

/** The outbox on disk, over LevelDB. Only one process may have its directory open. */
export class LevelOutbox implements Outbox {
  readonly meter: StageMeter;
  readonly #store: OutboxStore;
  readonly #queue: SendQueue;
  readonly #writer: OutboxWriter;
  readonly #room: RoomMaker;
  readonly #taken = new Map<number, { lane: Lane; readings: number }>();
  readonly #resent = new Set<number>();
  readonly #listeners = new Set<() => void>();
  #offering: Promise<unknown> = Promise.resolve();
  #stopping = new AbortController();
  #state: 'new' | 'open' | 'stopped' = 'new';
  #unwritten = false;

  constructor(private readonly options: LevelOutboxOptions) {
    const { thinner, clock, logger, registry = new Registry() } = options;
    const createdMs = clock.monotonicMs();
    this.meter = new StageMeter('edge_outbox', registry);
    this.#store = new OutboxStore(options);
    this.#queue = new SendQueue(() => this.#store.cursors, this.#store);
    this.#room = new RoomMaker({ store: this.#store, queue: this.#queue, thinner, meter: this.meter, clock, logger });
    this.#writer = new OutboxWriter(this.#store, this.#queue, this.#room, this.meter, () => this.#tellListeners());
    observeOutbox(registry, {
      status: () => (this.#state === 'open' ? this.status() : undefined),
      writtenBytes: () => this.#store.db.writtenBytes,
      wornBytes: () => this.#store.db.wornBytes,
      readingsIn: () => this.meter.snapshot().in,
      elapsedMs: () => clock.monotonicMs() - createdMs,
      enduranceBytes: options.enduranceBytes ?? 10e12,
    });
  }

  get epoch(): string {
    return this.#store.cursors.epoch;
  }

  /** Throws FatalError `locked` or `corrupt`, RetryableError `disk-full` or `unavailable`. */
  async start(): Promise<void> {
    if (this.#state === 'open') return;
    this.#stopping = new AbortController();
    await this.#store.open();
    this.#queue.rewind();
    this.#state = 'open';
    this.meter.in(this.#store.cursors.pendingReadings - this.meter.inFlight);
    const { lastSeq, oldestHeld, pendingPacks } = this.#store.cursors;
    this.options.logger.info({ epoch: this.epoch, lastSeq, oldestHeld, pendingPacks }, 'outbox: open');
  }

  async stop(deadlineMs: number): Promise<void> {
    if (this.#state !== 'open') return;
    this.#state = 'stopped';
    this.#stopping.abort();
    await this.#offering;
    await this.#writer.run(() => this.#flush()).catch(() => undefined);
    await this.#writer.idle();
    // LevelDB gives a compaction up when it is closed; what it did not reclaim is reclaimed later.
    const patience = new AbortController();
    await Promise.race([this.#room.idle(), this.options.clock.sleep(deadlineMs / 2, patience.signal)]);
    patience.abort();
    await this.#store.close();
  }

  async append(entries: readonly NewEntry[]): Promise<number[]> {
    this.#assertOpen();
    return entries.length === 0 ? [] : this.#writer.append(entries);
  }

  offer(lane: Lane, max: number, order: OfferOrder = 'oldest', below = Infinity): Promise<Entry[]> {
    // Two at once would choose the same packs.
    const offer = this.#offering.then(() => this.#offer(lane, max, order, below));
    this.#offering = offer.catch(() => undefined);
    return offer;
  }

  async acknowledge(seqs: readonly number[]): Promise<void> {
    this.#assertOpen();
    await this.#writer.run(async () => {
      for (const seq of seqs) await this.#settle(seq);
    });
    if (!this.#unwritten) void this.#flushLater();
    this.#unwritten = true;
  }

  rewind(): void {
    this.#queue.rewind();
  }

  async resend(from: number, to: number): Promise<number[]> {
    this.#assertOpen();
    return this.#writer.run(async () => {
      const found = await findResend(this.#store, from, to);
      if (found.length === 0) return [];
      const draft = this.#store.cursors.clone();
      for (const { seq, lane, readings } of found) draft.requeue(seq, lane, readings);
      await this.#store.commit(draft, { sync: false });
      for (const { seq, lane } of found) {
        this.#queue.requeue(seq, lane);
        this.#resent.add(seq);
      }
      // The uplink may have nothing else to wake it.
      queueMicrotask(() => this.#tellListeners());
      return found.map(({ seq }) => seq);
    });
  }

  async renew(): Promise<string> {
    this.#assertOpen();
    const { thinner, logger } = this.options;
    const renumber = thinner.renumber?.bind(thinner);
    if (!renumber) throw new RejectedError('refused', 'packs of this outbox cannot be given other numbers');
    return this.#writer.run(async () => {
      const { epoch: before } = this;
      await this.#room.forget();
      let lost = 0;
      await this.#store.renew(async (next, cursors) => {
        const result = await renumberPacks(this.#store, next, cursors, renumber);
        lost = result.lostReadings;
        return result.cursors;
      });
      this.meter.drop('damaged', lost);
      this.#taken.clear();
      this.#resent.clear();
      this.#queue.renumber();
      logger.warn({ before, epoch: this.epoch, packs: this.status().pendingPacks }, 'outbox: a new epoch begins');
      queueMicrotask(() => this.#tellListeners());
      return this.epoch;
    });
  }

  async payloadOf(seq: number): Promise<Uint8Array | undefined> {
    this.#assertOpen();
    const [held] = await this.#store.db.read(seq, seq, 1);
    return held?.kind === 'damaged' ? undefined : held?.payload;
  }

  status(): OutboxStatus {
    const { lastSeq, oldestHeld, pendingPacks, pendingReadings } = this.#store.cursors;
    return { lastSeq, oldestHeld, pendingPacks, pendingReadings, bytes: this.#store.usage.bytes };
  }

  onAppend(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async #offer(lane: Lane, max: number, order: OfferOrder, below: number): Promise<Entry[]> {
    this.#assertOpen();
    const { cursors } = this.#store;
    if (max <= 0) return [];
    const { generation } = this.#queue;
    const selection = await this.#queue.select(lane, max, order, below);
    if (generation !== this.#queue.generation) return [];
    let entries: readonly HeldEntry[] = selection.entries;
    if (entries.every(({ seq }) => cursors.isOffered(seq, lane) && this.#store.cursors.isPending(seq, lane))) {
      this.#queue.claim(selection);
    } else {
      entries = await this.#writer.mark(selection, generation);
    }
    for (const { seq, readings } of entries) this.#taken.set(seq, { lane, readings });
    return [...entries];
  }

  /** Not in the middle of a commit: then the pack's lane and readings may be asked of the disk. */
  async #settle(seq: number): Promise<void> {
    const { db, cursors } = this.#store;
    const pack = this.#taken.get(seq) ?? (await db.read(seq, seq, 1))[0];
    if (!pack || !cursors.isPending(seq, pack.lane)) return;
    this.#store.settle(seq, pack.lane, pack.readings);
    this.#queue.settle(seq, pack.lane);
    this.#taken.delete(seq);
    // A pack that was asked for again has been counted out already.
    if (!this.#resent.delete(seq)) this.meter.out(pack.readings);
  }

  async #flushLater(): Promise<void> {
    await this.options.clock.sleep(acknowledgementFlushMs, this.#stopping.signal);
    if (this.#state === 'open') await this.#writer.run(() => this.#flush()).catch(() => undefined);
  }

  async #flush(): Promise<void> {
    if (!this.#unwritten) return;
    this.#unwritten = false;
    await this.#store.commit(this.#store.cursors.clone(), { sync: false });
  }

  #assertOpen(): void {
    if (this.#state !== 'open') throw new RetryableError('stopped', 'the outbox is not open');
  }

  #tellListeners(): void {
    for (const listener of this.#listeners) listener();
  }
}
