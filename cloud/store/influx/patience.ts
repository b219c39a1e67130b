import type { Clock } from '#core/runtime/clock.js';
import { RetryableError } from '#core/runtime/errors.js';
import type { Logger } from '#core/runtime/logger.js';
import { retry, retryDelays, type RetrySchedule } from '#core/runtime/retry.js';

export interface PatienceOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: () => number;
  readonly retry: RetrySchedule;
  /** Called for every try that failed and is made again. */
  readonly onFailed: () => void;
}

/** Tries again while InfluxDB is away, with back-off, for a bounded time; `stop` ends all waiting. */
export class Patience {
  private stopped = new AbortController();

  constructor(private readonly options: PatienceOptions) {}

  /** Throws the last RetryableError when `withinMs` is over, or RetryableError `stopped`. */
  async run<T>(withinMs: number, operation: () => Promise<T>): Promise<T> {
    const { clock, random } = this.options;
    const signal = this.stopped.signal;
    if (signal.aborted) throw new RetryableError('stopped', 'the store was stopped');
    const delays = boundedDelays(retryDelays(this.options.retry, random), withinMs, clock);
    return retry(operation, { clock, delays, signal, onRetry: (error, attempt) => this.note(error, attempt) });
  }

  stop(): void {
    this.stopped.abort();
  }

  /** Makes `run` usable again after `stop`. */
  resume(): void {
    this.stopped = new AbortController();
  }

  private note(error: RetryableError, attempt: number): void {
    this.options.onFailed();
    // The first failure is news; the rest of an outage is one line in ten.
    if (attempt % 10 === 1) this.options.logger.warn({ attempt, reason: error.message }, 'InfluxDB: trying again');
  }
}

function* boundedDelays(delays: Iterable<number>, withinMs: number, clock: Clock): Generator<number> {
  const endMs = clock.monotonicMs() + withinMs;
  for (const delay of delays) {
    const leftMs = endMs - clock.monotonicMs();
    if (leftMs <= 0) return;
    yield Math.min(delay, leftMs);
  }
}
