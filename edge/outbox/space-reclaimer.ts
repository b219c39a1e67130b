import type { Clock } from '#core/runtime/clock.js';
import type { Logger } from '#core/runtime/logger.js';
import type { OutboxStore } from './outbox-store.js';

const fullCompactionEveryMs = 60_000;

/**
 * Gives the space of deleted packs back to the disk. LevelDB keeps it until a compaction, so what was deleted is
 * still part of the size for a while: `expectedBytes` is the size when that is done.
 */
export class SpaceReclaimer {
  #doomed: { from: number; to: number; bytes: number } | undefined;
  #compacting: Promise<void> | undefined;
  #compactingBytes = 0;
  #lastFullMs = -Infinity;

  constructor(
    private readonly store: OutboxStore,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  get expectedBytes(): number {
    return this.store.usage.bytes - (this.#doomed?.bytes ?? 0) - this.#compactingBytes;
  }

  /** Notes packs that a commit has just doomed, in rising order. */
  note(packs: readonly { seq: number; bytes: number }[]): void {
    const [from, to] = [packs[0]!.seq, packs.at(-1)!.seq];
    const bytes = packs.reduce((sum, pack) => sum + pack.bytes, 0);
    this.#doomed = {
      from: Math.min(from, this.#doomed?.from ?? from),
      to: Math.max(to, this.#doomed?.to ?? to),
      bytes: bytes + (this.#doomed?.bytes ?? 0),
    };
  }

  /** Deletes what is doomed and starts a compaction over it, one at a time; appends go on meanwhile. */
  async sweep(): Promise<void> {
    await this.store.deleteDoomed();
    if (!this.#doomed || this.#compacting) return;
    const { from, to, bytes } = this.#doomed;
    this.#doomed = undefined;
    this.#compactingBytes = bytes;
    this.#compacting = this.#compact(from, to).finally(() => {
      this.#compactingBytes = 0;
      this.#compacting = undefined;
    });
  }

  /** Resolves when the compaction that is under way is done. */
  async idle(): Promise<void> {
    await this.#compacting;
  }

  /** Waits until everything deleted is reclaimed and no compaction of LevelDB's own is half done; measures then. */
  async settle(): Promise<void> {
    await this.idle();
    await this.sweep();
    await this.idle();
    await this.store.db.flush();
    await this.store.usage.measure();
  }

  /** Waits until everything deleted is reclaimed; if that is not enough, looks for garbage everywhere. */
  async reclaimAll(): Promise<void> {
    await this.settle();
    if (this.store.usage.bytes > this.store.limits.hardBytes) await this.compactAll();
  }

  /**
   * Looks for garbage everywhere, at most once a minute: a compaction that failed on a full disk leaves some that is not
   * known of. False if it was done a moment ago.
   */
  async compactAll(): Promise<boolean> {
    const nowMs = this.clock.monotonicMs();
    if (nowMs - this.#lastFullMs < fullCompactionEveryMs) return false;
    this.#lastFullMs = nowMs;
    await this.#compact(0, this.store.cursors.lastSeq);
    // What a failed compaction wrote is removed by an open alone.
    await this.store.refresh();
    return true;
  }

  async #compact(from: number, to: number): Promise<void> {
    try {
      await this.store.db.compact(from, to);
      await this.store.usage.measure();
    } catch (error) {
      // The next write tells what is wrong with the database.
      this.logger.warn({ error }, 'outbox: compaction failed');
    }
  }
}
