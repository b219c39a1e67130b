import type { Clock } from './clock.js';
import { RetryableError } from './errors.js';

export interface RetrySchedule {
  readonly firstMs: number;
  readonly maxMs: number;
  readonly factor?: number;
  /** 0 to 1: the part of a delay that chance may take away, so that many clients do not come back at once. */
  readonly jitter?: number;
}

/** The delays in milliseconds between tries, without end. `random` yields [0, 1). */
export function* retryDelays(schedule: RetrySchedule, random: () => number): Generator<number, never> {
  const { firstMs, maxMs, factor = 2, jitter = 0.3 } = schedule;
  for (let delay = firstMs; ; delay = Math.min(maxMs, delay * factor)) yield delay * (1 - jitter * random());
}

export interface RetryOptions {
  readonly clock: Clock;
  readonly delays: Iterable<number>;
  readonly signal?: AbortSignal;
  /** Called before each wait. */
  readonly onRetry?: (error: RetryableError, attempt: number, delayMs: number) => void;
}

/**
 * Runs `operation` until it succeeds. Only a RetryableError is tried again; anything else is thrown as it is.
 * When `signal` aborts, or the delays end, the last RetryableError is thrown.
 */
export async function retry<T>(operation: () => Promise<T>, options: RetryOptions): Promise<T> {
  let attempt = 0;
  for (const delayMs of options.delays) {
    try {
      return await operation();
    } catch (error) {
      if (!(error instanceof RetryableError) || options.signal?.aborted) throw error;
      attempt += 1;
      options.onRetry?.(error, attempt, delayMs);
    }
    await options.clock.sleep(delayMs, options.signal);
    if (options.signal?.aborted) throw new RetryableError('stopped', 'stopped while waiting to try again');
  }
  return operation();
}
