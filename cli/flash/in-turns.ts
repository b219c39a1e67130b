export interface TurnOptions {
  readonly atOnce: number;
  readonly signal: AbortSignal;
}

/**
 * Runs a task for each item, some at once, begun in their order. The first that fails ends the signal of the others; they are
 * waited for, and its error is thrown.
 */
export async function inTurns<T>(
  items: readonly T[],
  { atOnce, signal }: TurnOptions,
  task: (item: T, index: number, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const failing = new AbortController();
  const stop = AbortSignal.any([signal, failing.signal]);
  const waiting = items.entries();
  let failure: { readonly error: unknown } | undefined;
  const worker = async (): Promise<void> => {
    for (const [index, item] of waiting) {
      if (stop.aborted) return;
      try {
        await task(item, index, stop);
      } catch (error) {
        failure ??= { error };
        failing.abort(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker));
  if (failure) throw failure.error;
  signal.throwIfAborted();
}
