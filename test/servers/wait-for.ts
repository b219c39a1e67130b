/** Something did not happen in time; `cause` is the last failure of the probe, if it failed. */
export class DeadlineError extends Error {
  override readonly name = 'DeadlineError';
}

/**
 * Rejects with a `DeadlineError` when `work` is not settled after `withinMs` milliseconds.
 * The work itself is not cancelled: use it where the work ends with its socket or process.
 */
export async function within<T>(what: string, withinMs: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new DeadlineError(`${what}: not within ${withinMs} ms`)), withinMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Resolves after `ms` milliseconds; only for the pause between two probes. */
export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Deadlines are meant for a machine at leisure; a busy one gets so many times as long. */
const patience = 5;

/**
 * Calls `probe` every `everyMs` milliseconds until it answers something truthy, and returns that answer.
 * A probe that throws counts as "not yet". Throws a `DeadlineError` after five times `withinMs`: it is no assertion of speed.
 */
export async function waitFor<T>(
  what: string,
  withinMs: number,
  probe: () => T | Promise<T>,
  everyMs = 50,
): Promise<Exclude<T, false | null | undefined>> {
  const deadline = performance.now() + withinMs * patience;
  let cause: unknown;
  do {
    try {
      const answer = await within(what, Math.max(1, deadline - performance.now()), Promise.resolve(probe()));
      if (answer) return answer as Exclude<T, false | null | undefined>;
    } catch (error) {
      cause = error;
    }
    await pause(everyMs);
  } while (performance.now() < deadline);
  throw new DeadlineError(`${what}: not within ${withinMs} ms`, { cause });
}
