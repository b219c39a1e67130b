import { RetryableError } from '../../runtime/errors.js';
import type { Clock } from '../../runtime/clock.js';
import { retry, retryDelays } from '../../runtime/retry.js';
import type { LogMetrics } from '../log-metrics.js';
import type { Outage } from '../outage.js';
import type { ReadLimits } from './topic-store.js';

/** What every reader of the local log stands on. */
export interface ReaderContext {
  readonly clock: Clock;
  readonly random: () => number;
  readonly outage: Outage;
  readonly metrics: LogMetrics;
  readonly limits: ReadLimits;
}

const diskRetry = { firstMs: 20, maxMs: 2000 };

/**
 * Runs a disk operation until it succeeds; throws FatalError, or RetryableError `stopped` when `signal` aborts.
 * `part` names it in the log.
 */
export function untilDone<T>(
  context: ReaderContext,
  part: string,
  signal: AbortSignal,
  operation: () => Promise<T>,
): Promise<T> {
  const { clock, random, outage } = context;
  const delays = retryDelays(diskRetry, random);
  return retry(operation, { clock, delays, signal, onRetry: (error) => outage.failed(part, error) }).then(
    (result) => {
      outage.worked(part);
      return result;
    },
    (error: unknown) => {
      throw signal.aborted ? new RetryableError('stopped', 'the reader was stopped', { cause: error }) : error;
    },
  );
}

/** The two steps of a stop: finish what is in work, then give it up. */
export class Stopping {
  private readonly soft = new AbortController();
  private readonly hard = new AbortController();

  /** Take nothing new. */
  readonly signal = this.soft.signal;
  /** What is still in work does not count any more. */
  readonly forced = this.hard.signal;

  /** Resolves when `done` does, or after the deadline. */
  async stop(done: Promise<unknown>, deadlineMs: number, clock: Clock): Promise<void> {
    this.soft.abort();
    await Promise.race([done, clock.sleep(deadlineMs, this.forced)]);
    this.hard.abort();
  }
}
