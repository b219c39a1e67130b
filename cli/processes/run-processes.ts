import { systemClock as clock } from '#core/runtime/clock.js';
import { startAll, stopAll, type Part } from '#core/runtime/lifecycle.js';
import { OpsServer } from '#core/runtime/ops-server.js';
import type { FieldlineConfig } from '../config.js';
import { requireSharedLog } from '../part-lines/shared-log.js';
import { runUntilSignal } from '../run-until-signal.js';
import type { Terminal } from '../terminal.js';
import { forkProcess } from './fork-process.js';
import { poolOps } from './pool-ops.js';
import { ProcessPool } from './process-pool.js';
import { releaseParts } from './release-parts.js';

export interface ProcessesOptions {
  readonly config: FieldlineConfig;
  readonly count: number;
  readonly terminal: Terminal;
  /** What is printed when all are up. */
  readonly greeting: string;
}

/**
 * Runs this command in several processes behind one port until a signal. This process does nothing of their work: it
 * hands out connections, starts anew what dies, and has the only operations server, by way of which parts of releases come
 * into the folder of all. Resolves with the exit code.
 */
export async function runProcesses({ config, count, terminal, greeting }: ProcessesOptions): Promise<number> {
  const { logger } = terminal;
  requireSharedLog(config);
  const pool = new ProcessPool({ count, fork: forkProcess, clock, random: Math.random, logger });
  const openParts = await releaseParts(config);
  // The server first: it tells who is not up while they start.
  const all: Part[] = [new OpsServer({ ...config.ops, ...poolOps(pool, openParts), logger }), pool];
  const line: Part = { start: () => startAll(all), stop: (deadlineMs) => stopAll(all, deadlineMs) };
  return runUntilSignal(line, { terminal, onUp: () => terminal.print(greeting) });
}
