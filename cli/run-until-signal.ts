import { messageOf } from '#core/runtime/errors.js';
import type { Part } from '#core/runtime/lifecycle.js';
import { exitCodes } from './exit-codes.js';
import type { Terminal } from './terminal.js';

/** How long a polite stop may take: Ctrl-C ends the process inside five seconds. */
const stopDeadlineMs = 4500;

export interface RunOptions {
  readonly terminal: Terminal;
  /** Called when everything is up, and then every half second. */
  readonly onUp?: () => void;
  readonly onTick?: () => void;
  /** Stops as a signal does when it resolves. */
  readonly until?: Promise<unknown>;
}

/**
 * Starts a part, waits for SIGINT or SIGTERM, and stops it: close the input, let what is in flight run dry. A second
 * signal ends the process at once; so does a stop that takes too long. Resolves with the exit code.
 */
export async function runUntilSignal(part: Part, { terminal, onUp, onTick, until }: RunOptions): Promise<number> {
  const signal = Promise.race([nextSignal(), ...(until ? [until] : [])]);
  // A signal during a slow start, as while Kafka is away, must end it too.
  const outcome = await Promise.race([part.start().then(() => 'up' as const), signal]);
  if (outcome === 'up') {
    onUp?.();
    const ticker = setInterval(() => onTick?.(), 500);
    await signal;
    clearInterval(ticker);
  }
  terminal.close();
  terminal.logger.info('stopping: what is in flight runs dry');
  process.once('SIGINT', () => process.exit(exitCodes.failed));
  process.once('SIGTERM', () => process.exit(exitCodes.failed));
  setTimeout(() => {
    terminal.print('stopped by force: what was not acknowledged is sent again at the next start');
    process.exit(exitCodes.failed);
  }, stopDeadlineMs + 300).unref();
  try {
    await part.stop(stopDeadlineMs);
    return exitCodes.done;
  } catch (error) {
    terminal.print(`not stopped cleanly: ${messageOf(error)}`);
    return exitCodes.failed;
  }
}

function nextSignal(): Promise<'signal'> {
  return new Promise((resolve) => {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => resolve('signal'));
  });
}
