import type { Clock } from '#core/runtime/clock.js';

export interface TrialOptions {
  readonly trialMs: number;
  /** How long earlier starts of this release ran. */
  readonly usedMs: number;
  /** Whether the gateway acknowledged data that this process made. */
  readonly isProven: () => boolean;
  /** Keeps how long it has run. */
  readonly keep: (usedMs: number) => Promise<void>;
  readonly clock: Pick<Clock, 'monotonicMs' | 'sleep'>;
  readonly stopping: AbortSignal;
}

const lookMs = 200;

/**
 * Resolves with whether the release may stay: true as soon as it is proven, false when its time is used up, over all of its
 * starts; undefined if the process stops before that.
 */
export async function runTrial(options: TrialOptions): Promise<boolean | undefined> {
  const { trialMs, isProven, keep, clock, stopping } = options;
  // A card is not written to at each look.
  const keepEveryMs = Math.max(2000, trialMs / 50);
  const startMs = clock.monotonicMs();
  let keptMs = options.usedMs;
  while (!stopping.aborted) {
    if (isProven()) return true;
    const usedMs = options.usedMs + clock.monotonicMs() - startMs;
    if (usedMs >= trialMs) return false;
    if (usedMs - keptMs >= keepEveryMs) await keep((keptMs = usedMs));
    await clock.sleep(Math.min(lookMs, trialMs - usedMs), stopping);
  }
  await keep(options.usedMs + clock.monotonicMs() - startMs);
  return undefined;
}

export interface InsistOptions {
  readonly clock: Pick<Clock, 'sleep'>;
  readonly signal: AbortSignal;
  readonly onError: (error: unknown) => void;
}

const insistMs = 1000;

/** Does something until it has worked: a disk that is full now need not be so for ever. */
export async function insist(work: () => Promise<void>, { clock, signal, onError }: InsistOptions): Promise<void> {
  while (!signal.aborted) {
    try {
      return await work();
    } catch (error) {
      onError(error);
    }
    await clock.sleep(insistMs, signal);
  }
}
