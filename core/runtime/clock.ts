import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

/** Time, injected: the wall clock for stamps, the monotonic one for intervals. */
export interface Clock {
  /** Microseconds since the Unix epoch, an integer. It may step back. */
  nowUs(): number;
  /** Milliseconds since some start; never steps back. */
  monotonicMs(): number;
  /** Resolves after `ms`, or at once when `signal` aborts; it never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  // timeOrigin + now() has microseconds but misses steps of the wall clock, so the millisecond clock corrects it.
  nowUs: () => {
    const fine = performance.timeOrigin + performance.now();
    const coarse = Date.now();
    return Math.round((Math.abs(fine - coarse) < 2 ? fine : coarse) * 1000);
  },
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) => sleep(ms, undefined, { signal }).catch(() => undefined),
};
