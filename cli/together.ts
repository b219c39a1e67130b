import type { Part } from '#core/runtime/lifecycle.js';

/** Parts that do not depend on each other, started and stopped at once. */
export function together(parts: readonly Part[]): Part {
  return {
    start: async () => {
      await Promise.all(parts.map((part) => part.start()));
    },
    stop: async (deadlineMs) => {
      const results = await Promise.allSettled(parts.map((part) => part.stop(deadlineMs)));
      const failures = results
        .filter((result) => result.status === 'rejected')
        .map((result) => result.reason as unknown);
      if (failures.length > 0) throw new AggregateError(failures, 'some parts did not stop cleanly');
    },
  };
}
