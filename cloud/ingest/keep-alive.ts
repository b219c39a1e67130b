import type { Clock } from '#core/runtime/clock.js';

/**
 * Waits for `work`, calling `alive` every `everyMs` milliseconds meanwhile. What `alive` throws goes to `onError`:
 * a lost membership costs a redelivery, breaking off the write would not bring it back.
 */
export async function keepingAlive<T>(
  work: Promise<T>,
  alive: () => Promise<void>,
  clock: Clock,
  everyMs: number,
  onError: (error: unknown) => void,
): Promise<T> {
  const done = new AbortController();
  const beat = async (): Promise<void> => {
    for (;;) {
      await clock.sleep(everyMs, done.signal);
      if (done.signal.aborted) return;
      await alive().catch(onError);
    }
  };
  const beating = beat();
  try {
    return await work;
  } finally {
    done.abort();
    await beating;
  }
}
