import { messageOf } from '#core/runtime/errors.js';
import type { Part } from '#core/runtime/lifecycle.js';
import type { Logger } from '#core/runtime/logger.js';

/** How long a polite stop may take; systemd kills after TimeoutStopSec, which is longer. */
const stopDeadlineMs = 8000;

export interface RunOptions {
  readonly logger: Logger;
  /** Stops as a signal does when it resolves. */
  readonly until?: Promise<unknown>;
}

/**
 * Starts a part, waits for SIGINT or SIGTERM, and stops it: close the input, let what is in flight run dry. A second signal
 * ends the process at once. Resolves with the exit code: 0, or 1 if it did not stop cleanly. Rejects if it cannot start.
 */
export async function runUntilSignal(part: Part, { logger, until }: RunOptions): Promise<number> {
  const ended = Promise.race([nextSignal(), ...(until ? [until] : [])]);
  const up = part.start().then(() => logger.info('the agent is up'));
  // A signal during a slow start must end it too.
  await Promise.race([up.then(() => ended), ended]);
  logger.info('stopping: what is in flight runs dry');
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => process.exit(1));
  setTimeout(() => {
    logger.error('stopped by force: what was not acknowledged is sent again at the next start');
    process.exit(1);
  }, stopDeadlineMs + 500).unref();
  try {
    await part.stop(stopDeadlineMs);
    return 0;
  } catch (error) {
    logger.error({ error: messageOf(error) }, 'not stopped cleanly');
    return 1;
  }
}

function nextSignal(): Promise<'signal'> {
  return new Promise((resolve) => {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => resolve('signal'));
  });
}
