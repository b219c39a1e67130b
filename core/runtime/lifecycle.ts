/**
 * Everything long-lived. `start` and `stop` may be called more than once; constructors do no work.
 * `stop` closes the input, lets what is in flight run dry, and forces the end at `deadlineMs` milliseconds.
 */
export interface Part {
  start(): Promise<void>;
  stop(deadlineMs: number): Promise<void>;
}

/** Starts in the given order: from the sink back to the source. If one fails, the started ones are stopped again. */
export async function startAll(parts: readonly Part[], stopDeadlineMs = 5000): Promise<void> {
  const started: Part[] = [];
  for (const part of parts) {
    try {
      await part.start();
      started.push(part);
    } catch (error) {
      await stopAll(started, stopDeadlineMs).catch(() => undefined);
      throw error;
    }
  }
}

/**
 * Stops in the reverse of the given order: from the source forward. Every part is stopped even if another fails;
 * the failures are thrown together.
 */
export async function stopAll(parts: readonly Part[], deadlineMs: number): Promise<void> {
  const endMs = performance.now() + deadlineMs;
  const failures: unknown[] = [];
  for (const part of [...parts].reverse()) {
    try {
      await part.stop(Math.max(100, endMs - performance.now()));
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length === 1) throw failures[0];
  if (failures.length > 1) throw new AggregateError(failures, 'some parts did not stop cleanly');
}
