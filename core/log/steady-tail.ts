import type { EventLog, LogBatch, Tail } from './log.js';
import type { Clock } from '../runtime/clock.js';
import { messageOf, RetryableError } from '../runtime/errors.js';
import type { Part } from '../runtime/lifecycle.js';
import type { Logger } from '../runtime/logger.js';
import { retryDelays } from '../runtime/retry.js';

export interface SteadyTailOptions {
  readonly log: EventLog;
  readonly topic: string;
  readonly from: 'beginning' | 'end';
  /** May not throw. From the beginning it sees the same records again after a tail has ended. */
  readonly onBatch: (batch: LogBatch) => void;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Yields [0, 1). */
  readonly random?: () => number;
}

const again = { firstMs: 500, maxMs: 30_000 };

/** A tail that begins anew where one has ended, as after it fell behind what the log keeps. */
export class SteadyTail implements Part {
  private tail: Tail | undefined;
  private stopping = new AbortController();
  private delays: Iterator<number, never> | undefined;

  constructor(private readonly options: SteadyTailOptions) {}

  /** Resolves when what stood in the log has been handed out; rejects with RetryableError `stopped`. */
  async start(): Promise<void> {
    this.stopping = new AbortController();
    const { signal } = this.stopping;
    this.delays = retryDelays(again, this.options.random ?? Math.random);
    await new Promise<void>((resolve, reject) => {
      signal.addEventListener('abort', () => reject(new RetryableError('stopped', 'stopped while reading the log')));
      this.follow(signal, resolve);
    });
  }

  async stop(deadlineMs: number): Promise<void> {
    this.stopping.abort();
    const { tail } = this;
    this.tail = undefined;
    await tail?.stop(deadlineMs);
  }

  private follow(signal: AbortSignal, caughtUp: () => void): void {
    const { log, topic, from, onBatch } = this.options;
    const ended = (error: unknown): void => void this.resume(error, signal, caughtUp);
    log.tail({ topics: [topic], from, onBatch, onError: ended }).then((tail) => {
      if (signal.aborted) return tail.stop(0);
      this.tail = tail;
      // A tail that ends before it has caught up says so to `onError` as well.
      return tail.caughtUp.then(caughtUp, () => undefined);
    }, ended);
  }

  private async resume(error: unknown, signal: AbortSignal, caughtUp: () => void): Promise<void> {
    if (signal.aborted) return;
    const { topic, clock, logger } = this.options;
    logger.error({ topic, error: messageOf(error) }, 'following the log has ended: beginning anew');
    await clock.sleep(this.delays!.next().value, signal);
    if (!signal.aborted) this.follow(signal, caughtUp);
  }
}
