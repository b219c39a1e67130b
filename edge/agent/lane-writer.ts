import type { Clock } from '#core/runtime/clock.js';
import { FatalError, messageOf, RejectedError } from '#core/runtime/errors.js';
import type { Logger } from '#core/runtime/logger.js';
import { retryDelays } from '#core/runtime/retry.js';
import type { NewEntry, Outbox } from '../outbox/outbox.js';

/** So many entries share an append while a backlog is written. */
const maxEntries = 16;

export interface WaitingEntry extends NewEntry {
  /** What it takes in memory, in points. */
  readonly points: number;
}

export interface LaneWriterOptions {
  readonly outbox: Outbox;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
  /** What may wait in memory; beyond it the oldest entries go. */
  readonly maxWaitingPoints: number;
  /** They are safe. */
  readonly onWritten: (entries: readonly WaitingEntry[]) => void;
  readonly onDropped: (reason: DropReason, entry: WaitingEntry) => void;
}

type DropReason = 'outbox-full' | 'rejected' | 'stopped';

/**
 * Hands the entries of one lane to the outbox, in order, one append at a time; they wait in memory while the outbox
 * has no room. `put` never blocks.
 */
export class LaneWriter {
  private readonly queue: WaitingEntry[] = [];
  private waiting = 0;
  /** The first so many of the queue are in an append; they cannot be dropped. */
  private appending = 0;
  private batchSize = maxEntries;
  private running: Promise<void> | undefined;
  private aborter = new AbortController();
  private failure: string | undefined;
  /** See {@link LaneWriterOptions}; another value holds from the next `put` on. */
  maxWaitingPoints: number;

  constructor(private readonly options: LaneWriterOptions) {
    this.maxWaitingPoints = options.maxWaitingPoints;
  }

  get waitingPoints(): number {
    return this.waiting;
  }

  /** Why the last append failed; undefined while they succeed. */
  get lastFailure(): string | undefined {
    return this.failure;
  }

  put(entry: WaitingEntry): void {
    this.queue.push(entry);
    this.waiting += entry.points;
    while (this.waiting > this.maxWaitingPoints && this.queue.length > this.appending + 1) {
      this.drop('outbox-full', this.appending);
    }
    this.running ??= this.run().finally(() => (this.running = undefined));
  }

  /** Waits until everything is written, at most `deadlineMs`; what is left then is dropped as `stopped`. */
  async stop(deadlineMs: number): Promise<void> {
    const done = new AbortController();
    await Promise.race([this.running, this.options.clock.sleep(deadlineMs, done.signal)]);
    done.abort();
    this.aborter.abort();
    // An append under way may still succeed: nobody can say now.
    while (this.queue.length > this.appending) this.drop('stopped', this.appending);
    this.aborter = new AbortController();
  }

  private async run(): Promise<void> {
    const { signal } = this.aborter;
    let delays = this.freshDelays();
    while (this.queue.length > 0 && !signal.aborted) {
      try {
        await this.appendSome();
        delays = this.freshDelays();
      } catch (error) {
        this.note(error);
        if (error instanceof RejectedError) this.narrow();
        else await this.options.clock.sleep(delays.next().value, signal);
      }
    }
  }

  private async appendSome(): Promise<void> {
    const entries = this.queue.slice(0, this.batchSize);
    this.appending = entries.length;
    try {
      await this.options.outbox.append(entries);
    } finally {
      this.appending = 0;
    }
    this.queue.splice(0, entries.length);
    for (const entry of entries) this.waiting -= entry.points;
    this.batchSize = maxEntries;
    this.recovered();
    this.options.onWritten(entries);
  }

  /** One of several entries was refused for ever: they are tried one by one, and the bad one set aside. */
  private narrow(): void {
    if (this.batchSize === 1 || this.queue.length === 1) this.drop('rejected', 0);
    else this.batchSize = 1;
  }

  private drop(reason: DropReason, index: number): void {
    const [entry] = this.queue.splice(index, 1);
    if (!entry) return;
    this.waiting -= entry.points;
    this.options.onDropped(reason, entry);
  }

  private note(error: unknown): void {
    const message = messageOf(error);
    if (this.failure !== message) {
      const level = error instanceof FatalError ? 'error' : 'warn';
      this.options.logger[level]({ error: message }, 'the outbox takes nothing; readings wait in memory');
    }
    this.failure = message;
  }

  private recovered(): void {
    if (this.failure !== undefined) this.options.logger.info({}, 'the outbox takes readings again');
    this.failure = undefined;
  }

  private freshDelays(): Generator<number, never> {
    return retryDelays({ firstMs: 100, maxMs: 5000 }, this.options.random);
  }
}
