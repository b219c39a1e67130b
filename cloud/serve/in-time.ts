import type { Clock } from '#core/runtime/clock.js';

/** The result of `work`; null if it fails, or takes longer than `maxMs` milliseconds. The work itself goes on. */
export async function inTime<T>(work: Promise<T>, maxMs: number, clock: Clock): Promise<T | null> {
  const done = new AbortController();
  const late = clock.sleep(maxMs, done.signal).then(() => null);
  return Promise.race([work.catch(() => null), late]).finally(() => done.abort());
}
