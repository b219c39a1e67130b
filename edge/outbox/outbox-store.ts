import { join } from 'node:path';
import { SequenceRanges } from '#core/contract/sequence-ranges.js';
import { messageOf, RetryableError } from '#core/runtime/errors.js';
import type { Clock } from '#core/runtime/clock.js';
import type { Logger } from '#core/runtime/logger.js';
import { Cursors } from './cursors.js';
import { DiskUsage } from './disk-usage.js';
import type { HeldEntry } from './entry-codec.js';
import { outboxLimits, type OutboxLimits } from './limits.js';
import type { Lane } from './outbox.js';
import { PackDb, type MakeLevelDb } from './pack-db.js';
import { randomHex, type RandomBytes } from './random-bytes.js';
import { coming, current, finishSwap, swap } from './swap-database.js';
import { RecentPacks } from './recent-packs.js';
import { DiskReserve } from './disk-reserve.js';

export interface OutboxStoreOptions {
  readonly directory: string;
  readonly maxBytes: number;
  readonly reserveBytes: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: RandomBytes;
  readonly makeLevelDb?: MakeLevelDb;
}

/** What one commit writes; the cursors are the caller's draft. */
export interface Writes {
  readonly puts?: readonly HeldEntry[];
  readonly sync: boolean;
  /** The caller is told of a failure and may come again: then nothing of this commit may stay. */
  readonly revocable?: boolean;
}

const recentBytes = 256 * 1024;
const readAtOnce = 64;
/** How long a full or failing disk is left alone before the next try. */
const retryAfterMs = 1000;

/**
 * Packs, cursors, reserve and usage as one thing that can fail and be reopened.
 *
 * LevelDB must be reopened after any failed write: its log may end in a torn record, and what it would acknowledge
 * behind that record would not be found again. `cursors` in memory are the truth; after a reopen the commit number on
 * disk tells whether the write that failed is there all the same.
 */
export class OutboxStore {
  readonly limits: OutboxLimits;
  readonly db: PackDb;
  readonly usage: DiskUsage;
  readonly recent = new RecentPacks(recentBytes);
  readonly #reserve: DiskReserve;
  #cursors: Cursors | undefined;
  /** A commit of which it is not known whether it is on disk. */
  #doubtful: { cursors: Cursors; writes: Writes } | undefined;
  #nextReopenMs = 0;
  #nextReserveMs = 0;

  constructor(private readonly options: OutboxStoreOptions) {
    const { directory, maxBytes, reserveBytes, random, makeLevelDb } = options;
    this.limits = outboxLimits(maxBytes, reserveBytes);
    this.db = new PackDb({ directory: join(directory, current), limits: this.limits, makeLevelDb });
    this.usage = new DiskUsage(directory);
    this.#reserve = new DiskReserve(directory, reserveBytes, 2 * this.limits.writeBufferBytes + 64 * 1024, random);
  }

  get cursors(): Cursors {
    if (!this.#cursors) throw new RetryableError('stopped', 'the outbox is not started');
    return this.#cursors;
  }

  /** Without the reserve nothing may be added: what room there is, is for deleting. */
  get hasReserve(): boolean {
    return this.#reserve.present;
  }

  /** Throws FatalError `locked` or `corrupt`, RetryableError `disk-full` or `unavailable`. */
  async open(): Promise<void> {
    await finishSwap(this.options.directory);
    const stored = await this.#openDatabase(false);
    this.#cursors = stored ?? new Cursors(randomHex(this.options.random, 16));
    if (!stored) await this.commit(this.#cursors.clone(), { sync: true });
    else if (stored.alertsFrom !== undefined) await this.#readAlerts(stored, stored.alertsFrom);
    await this.usage.measure();
    await this.#makeReserve();
    if (this.cursors.doomed.size > 0) await this.deleteDoomed().catch(() => undefined); // The next sweep does.
  }

  async close(): Promise<void> {
    await this.db.close();
    this.recent.clear();
  }

  /**
   * Writes atomically; then the draft is what counts. Throws RetryableError `disk-full` or `unavailable`: then nothing
   * was written, or it is taken back before anything else is.
   */
  async commit(draft: Cursors, writes: Writes): Promise<void> {
    await this.ready();
    draft.commits = this.cursors.commits + 1;
    try {
      await this.db.write({ ...writes, cursors: draft });
    } catch (error) {
      this.#doubtful = { cursors: draft, writes };
      if (!(await this.#reopen(error as RetryableError))) throw error;
      return;
    }
    this.#adopt(draft, writes);
  }

  /** Deletes what is doomed, in a table file of its own: it then overlaps no others, and compacts with little work. */
  async deleteDoomed(): Promise<void> {
    const { doomed } = this.cursors;
    if (doomed.size === 0) return;
    await this.ready();
    try {
      await this.db.flush();
      await this.db.delete(doomed, this.cursors.nextSeq);
    } catch (error) {
      await this.#reopen(error as RetryableError);
      throw error;
    }
    this.cursors.doomed = SequenceRanges.from();
  }

  /** Makes sure that the database is open and agrees with memory. Throws RetryableError. */
  async ready(): Promise<void> {
    if (this.db.isOpen) return;
    if (this.options.clock.monotonicMs() < this.#nextReopenMs) {
      throw new RetryableError('unavailable', 'the outbox could not be reopened a moment ago');
    }
    const survived = await this.#reopen(new RetryableError('unavailable', 'the outbox was closed by a fault'));
    if (survived === 'revoke') await this.#revoke();
  }

  /** Closes and opens the database, which removes files that belong to nothing. Throws RetryableError. */
  async refresh(): Promise<void> {
    await this.db.close();
    await this.ready();
    await this.usage.measure();
  }

  /**
   * Puts another database in the place of this one, all or nothing. `fill` writes it and returns its cursors.
   * Throws what `fill` throws, and RetryableError; then everything is as it was.
   */
  async renew(fill: (next: PackDb, cursors: Cursors) => Promise<Cursors>): Promise<void> {
    await this.ready();
    const { directory, makeLevelDb, random } = this.options;
    const next = new PackDb({ directory: join(directory, coming), limits: this.limits, makeLevelDb });
    try {
      await next.open();
      const cursors = await fill(next, new Cursors(randomHex(random, 16)));
      await Promise.all([next.close(), this.db.close()]);
      await swap(directory);
      this.#cursors = cursors;
      this.recent.clear();
    } catch (error) {
      await next.close().catch(() => undefined);
      await finishSwap(directory);
      throw error;
    } finally {
      await this.ready();
      await this.usage.measure();
    }
  }

  /** Applies an acknowledgement in memory; the next commit carries it. False if the pack was not pending. */
  settle(seq: number, lane: Lane, readings: number): boolean {
    this.#doubtful?.cursors.settle(seq, lane, readings);
    return this.cursors.settle(seq, lane, readings);
  }

  /** Sets the reserve aside again once there is room for it and for some packs; at most once a second. */
  async restoreReserve(): Promise<boolean> {
    if (this.#reserve.present) return true;
    const nowMs = this.options.clock.monotonicMs();
    if (nowMs < this.#nextReserveMs) return false;
    this.#nextReserveMs = nowMs + retryAfterMs;
    const needed = this.#reserve.bytes + 2 * this.limits.writeBufferBytes;
    if ((await this.usage.freeBytes()) < needed) return false;
    await this.#makeReserve();
    return this.#reserve.present;
  }

  /** Lets the next `restoreReserve` look at once, because space was just given back. */
  expectRoom(): void {
    this.#nextReserveMs = 0;
  }

  read(from: number, to: number, limit: number): HeldEntry[] | Promise<HeldEntry[]> {
    return this.recent.read(from, to, limit) ?? this.db.read(from, to, limit);
  }

  /** There were too many alerts to list with every commit: the newer ones are found by their packs. */
  async #readAlerts(cursors: Cursors, from: number): Promise<void> {
    for (let next = from; next <= cursors.lastSeq;) {
      const chunk = await this.db.read(next, cursors.lastSeq, readAtOnce);
      for (const { seq, lane, readings } of chunk) if (lane === 'alert') cursors.alerts.push({ seq, readings });
      next = (chunk.at(-1)?.seq ?? cursors.lastSeq) + 1;
    }
  }

  #adopt(draft: Cursors, { puts = [] }: Writes): void {
    this.#cursors = draft;
    this.#doubtful = undefined;
    for (const entry of puts) {
      this.usage.grow(entry.payload.byteLength + 64);
      this.recent.push(entry);
    }
    this.usage.grow(512);
  }

  /** Closes, frees the reserve if the disk is full, and opens; tells whether the doubtful commit is there. */
  async #reopen(reason: RetryableError): Promise<boolean | 'revoke'> {
    const { logger, clock } = this.options;
    logger.warn({ code: reason.code, reason: messageOf(reason) }, 'outbox: reopening after a failed write');
    const fresh = this.db.isOpen;
    await this.db.close().catch(() => undefined);
    let stored: Cursors | undefined;
    try {
      stored = await this.#openDatabase(reason.code === 'disk-full');
    } catch (error) {
      this.#nextReopenMs = clock.monotonicMs() + retryAfterMs;
      logger.error({ error: messageOf(error) }, 'outbox: cannot be reopened');
      throw error;
    }
    const doubtful = this.#doubtful;
    if (!doubtful || stored?.commits !== doubtful.cursors.commits) {
      this.#doubtful = undefined;
      this.cursors.commits = Math.max(this.cursors.commits, stored?.commits ?? 0);
      return false;
    }
    // Whoever asked for it has been told that it failed if the reopen did not happen at once.
    if (!fresh && doubtful.writes.revocable) return 'revoke';
    this.#adopt(doubtful.cursors, doubtful.writes);
    return true;
  }

  async #revoke(): Promise<void> {
    const { cursors, writes } = this.#doubtful!;
    const draft = this.cursors.clone();
    draft.commits = cursors.commits + 1;
    try {
      const revoked = { packs: writes.puts ?? [], nextSeq: cursors.nextSeq };
      await this.db.write({ cursors: draft, revoked, sync: true });
    } catch (error) {
      await this.db.close().catch(() => undefined);
      throw error;
    }
    this.#adopt(draft, { sync: true });
  }

  /** On a full disk a little of the reserve is freed for opening, and then the rest for deleting and compacting. */
  async #openDatabase(full: boolean): Promise<Cursors | undefined> {
    if (full) await this.#reserve.freeDoor();
    let stored: Cursors | undefined;
    try {
      stored = await this.db.open();
    } catch (error) {
      if (!(error instanceof RetryableError) || error.code !== 'disk-full') throw error;
      await this.#reserve.free();
      stored = await this.db.open();
    }
    if (full) await this.#reserve.freeAllButDoor();
    return stored;
  }

  async #makeReserve(): Promise<void> {
    try {
      await this.#reserve.make();
      await this.usage.measure();
    } catch (error) {
      this.options.logger.warn({ error: messageOf(error) }, 'outbox: no room for the reserve yet');
    }
  }
}
