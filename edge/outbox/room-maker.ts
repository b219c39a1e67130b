import { SequenceRanges } from '#core/contract/sequence-ranges.js';
import type { Clock } from '#core/runtime/clock.js';
import { RetryableError } from '#core/runtime/errors.js';
import type { Logger } from '#core/runtime/logger.js';
import type { StageMeter } from '#core/runtime/metrics.js';
import type { Cursors } from './cursors.js';
import type { HeldEntry } from './entry-codec.js';
import type { Thinner } from './outbox.js';
import type { OutboxStore } from './outbox-store.js';
import { acknowledgedPacks, oldestAlerts, oldestGroup, replacedBy, thinPrefix } from './pack-groups.js';
import type { SendQueue } from './send-queue.js';
import { SpaceReclaimer } from './space-reclaimer.js';

export interface RoomMakerOptions {
  readonly store: OutboxStore;
  readonly queue: SendQueue;
  readonly thinner: Thinner;
  readonly meter: StageMeter;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What one thinned pack is made of: more would hold up the event loop while it is decoded. */
const thinLimits = { packs: 256, bytes: 256 * 1024 };
const maxDropped = 2000;
const maxChatterBytes = 1024 * 1024;

/**
 * Keeps the outbox within its budget. In this order: acknowledged packs, which are kept only for a resend, go; the
 * oldest packs that were never offered are thinned; then the oldest of them are dropped, and a tombstone says so.
 * What was offered and not acknowledged is never touched: the receiver may have it.
 */
export class RoomMaker {
  readonly #reclaimer: SpaceReclaimer;
  /** Numbers known to have no pack, and up to where thinning was tried: found again after a restart. */
  #gone = SequenceRanges.from();
  #thinnedTo = 0;

  constructor(private readonly options: RoomMakerOptions) {
    this.#reclaimer = new SpaceReclaimer(options.store, options.clock, options.logger);
  }

  /** Makes room for the next batch. Throws RetryableError `disk-full` if there is none to be made. */
  async ensure(): Promise<void> {
    const { store } = this.options;
    const { usage, limits } = store;
    await store.ready();
    if (!store.hasReserve) await this.#ensureReserve();
    if (usage.grownBytes > limits.writeBufferBytes) await usage.measure();
    if (usage.chatterBytes > maxChatterBytes) await this.#silence();
    if (this.#isAbove(limits.highBytes)) await this.#giveUp();
    if (usage.bytes > limits.hardBytes) await this.#reclaimer.reclaimAll();
    if (usage.bytes > limits.hardBytes) {
      throw new RetryableError('disk-full', 'the budget of the outbox is used up by packs that wait for their receipt');
    }
  }

  /** Gives up acknowledged packs and garbage because the disk is full; false if there is nothing to give up. */
  async giveUpAcknowledged(): Promise<boolean> {
    const { store } = this.options;
    await this.#reclaimer.idle();
    const dropped = await this.#dropAcknowledged(store.limits.maxFileBytes * 2);
    if (dropped || store.cursors.doomed.size > 0) {
      await this.#reclaimer.sweep();
      await this.#reclaimer.idle();
    } else if (!(await this.#reclaimer.compactAll())) return false;
    store.expectRoom();
    return true;
  }

  /** Forgets what it knows of numbers, because they are about to change; resolves when nothing is being reclaimed. */
  async forget(): Promise<void> {
    await this.#reclaimer.settle();
    this.#gone = SequenceRanges.from();
    this.#thinnedTo = 0;
  }

  /** Resolves when no compaction is under way. */
  async idle(): Promise<void> {
    await this.#reclaimer.idle();
  }

  /** An open begins a new log of events; the old one is kept once. */
  async #silence(): Promise<void> {
    await this.#reclaimer.settle();
    await this.options.store.refresh();
  }

  async #ensureReserve(): Promise<void> {
    const { store } = this.options;
    if (await store.restoreReserve()) return;
    if ((await this.giveUpAcknowledged()) && (await store.restoreReserve())) return;
    throw new RetryableError('disk-full', 'the disk of the outbox is full: nothing can be added');
  }

  async #giveUp(): Promise<void> {
    const { usage, limits } = this.options.store;
    const wanted = limits.highBytes - limits.lowBytes;
    await usage.measure();
    while (this.#isAbove(limits.lowBytes) && (await this.#dropAcknowledged(wanted)));
    await this.#reclaimer.sweep();
    if (!this.#isAbove(limits.highBytes)) return;
    // From here on readings suffer: first make sure that what fills the disk is not what a compaction is working on.
    await this.#reclaimer.settle();
    if (!this.#isAbove(limits.highBytes)) return;
    while (this.#isAbove(limits.lowBytes) && ((await this.#thinOldest()) || (await this.#dropOldest(wanted))));
    await this.#reclaimer.sweep();
  }

  #isAbove(bytes: number): boolean {
    return this.#reclaimer.expectedBytes > bytes;
  }

  async #dropAcknowledged(bytes: number): Promise<boolean> {
    const { store } = this.options;
    const group = await acknowledgedPacks(store, this.#gone, { packs: maxDropped, bytes });
    if (group.length === 0) return false;
    const draft = store.cursors.clone();
    await this.#doom(draft, group);
    // If this is lost, so is every delete that follows it.
    await store.commit(draft, { sync: false });
    this.#forget(group);
    return true;
  }

  async #thinOldest(): Promise<boolean> {
    const { store, thinner, meter, logger } = this.options;
    for (;;) {
      const { entries, next } = await oldestGroup(store, this.#thinnedTo, thinLimits, isRaw);
      if (entries.length === 0) {
        this.#thinnedTo = next;
        return false;
      }
      const { nextSeq, epoch } = store.cursors;
      const { tried, thinned } = thinPrefix(thinner, entries, nextSeq, epoch);
      this.#thinnedTo = tried.at(-1)!.seq + 1;
      if (!thinned) continue;
      const { payload, readings } = thinned;
      await this.#replace(tried, { kind: 'thinned', payload, readings, dropped: 0 });
      const before = sum(tried, (entry) => entry.readings);
      meter.drop('thinned', before - readings);
      logger.info({ packs: tried.length, before, after: readings }, 'outbox: full, thinned the oldest packs');
      return true;
    }
  }

  async #dropOldest(bytes: number): Promise<boolean> {
    const { store, thinner, meter, logger } = this.options;
    const limits = { packs: maxDropped, bytes };
    let group = (await oldestGroup(store, 0, limits, () => true)).entries;
    if (group.every(isTombstone)) group = await oldestAlerts(store, limits);
    if (group.length === 0) return false;
    const { nextSeq, epoch } = store.cursors;
    const lost = sum(group, (entry) => entry.readings);
    const dropped = sum(group, (entry) => entry.dropped) + lost;
    const payload = thinner.tombstone('outbox-full', dropped, replacedBy(group), nextSeq, epoch);
    await this.#replace(group, { kind: 'tombstone', payload, readings: 0, dropped });
    meter.drop('outbox-full', lost);
    logger.warn({ packs: group.length, readings: lost }, 'outbox: full, dropped the oldest packs');
    return true;
  }

  async #replace(group: readonly HeldEntry[], by: Pick<HeldEntry, 'kind' | 'payload' | 'readings' | 'dropped'>) {
    const { store, queue } = this.options;
    const draft = store.cursors.clone();
    const entry: HeldEntry = { seq: draft.nextSeq, lane: 'data', replaces: replacedBy(group), ...by };
    for (const { seq, lane, readings } of group) draft.settle(seq, lane, readings);
    if (group[0]!.lane === 'data') closeRange(draft, group);
    draft.append('data', by.readings);
    await this.#doom(draft, group);
    await store.commit(draft, { puts: [entry], sync: true });
    for (const { seq, lane } of group) queue.settle(seq, lane);
    this.#forget(group);
  }

  async #doom(draft: Cursors, group: readonly HeldEntry[]): Promise<void> {
    draft.oldestHeld = await this.#oldestWithout(group, draft.lastSeq);
    for (const { seq } of group) draft.doomed.add(seq);
  }

  #forget(group: readonly HeldEntry[]): void {
    for (const { seq } of group) this.#gone.add(seq);
    this.#reclaimer.note(group.map(({ seq, payload }) => ({ seq, bytes: payload.byteLength + 64 })));
  }

  /** The oldest number that is held without these; one that this very commit adds counts, too. */
  async #oldestWithout(removed: readonly HeldEntry[], lastSeq: number): Promise<number> {
    const { db, cursors } = this.options.store;
    const going = cursors.doomed.clone();
    for (const { seq } of removed) going.add(seq);
    for (const [from, to] of going.missing(cursors.oldestHeld, cursors.lastSeq)) {
      const [held] = await db.names(from, to, 1);
      if (held) return held.seq;
    }
    return lastSeq > cursors.lastSeq ? lastSeq : cursors.nextSeq;
  }
}

function isRaw({ kind }: HeldEntry): boolean {
  return kind === 'raw';
}

function isTombstone({ kind }: HeldEntry): boolean {
  return kind === 'tombstone';
}

function sum(group: readonly HeldEntry[], figure: (entry: HeldEntry) => number): number {
  return group.reduce((total, entry) => total + figure(entry), 0);
}

/** Numbers of alerts inside a settled run belong to no data pack, so the ranges may close over them. */
function closeRange(draft: Cursors, group: readonly HeldEntry[]): void {
  const [from, to] = [group[0]!.seq, group.at(-1)!.seq];
  draft.acked.add(from, to);
  draft.offered.add(from, to);
}
