import type { Worker } from 'node:cluster';
import type { Clock } from '#core/runtime/clock.js';
import { FatalError } from '#core/runtime/errors.js';
import type { Part } from '#core/runtime/lifecycle.js';
import type { Logger } from '#core/runtime/logger.js';
import { retryDelays } from '#core/runtime/retry.js';
import { exitCodes } from '../exit-codes.js';
import { WorkerLink } from './worker-link.js';

export interface ProcessPoolOptions {
  readonly count: number;
  /** Starts the process with this number, from 1. */
  readonly fork: (number: number) => Worker;
  readonly clock: Clock;
  /** Yields [0, 1). */
  readonly random: () => number;
  readonly logger: Logger;
}

const restarts = { firstMs: 500, maxMs: 30_000 };
/** A process that was up for so long was a good one: its next death begins with short delays again. */
const goodAfterMs = 30_000;

/** Several processes behind one port. One that dies is started anew; the others go on. */
export class ProcessPool implements Part {
  private links: (WorkerLink | undefined)[] = [];
  private stopping = new AbortController();
  private running: readonly Promise<void>[] | undefined;

  constructor(private readonly options: ProcessPoolOptions) {}

  /** Resolves when all are up for the first time. Throws FatalError if one ends before that. */
  async start(): Promise<void> {
    if (this.running) return;
    this.stopping = new AbortController();
    const numbers = Array.from({ length: this.options.count }, (_, i) => i + 1);
    const firsts = numbers.map((number) => this.open(number));
    this.running = numbers.map((number, i) => this.keep(number, firsts[i]!));
    const ups = await Promise.all(firsts.map(({ up }) => up));
    const failed = ups.indexOf(false);
    if (failed === -1) return;
    const how = await firsts[failed]!.ended;
    await this.stop(5000);
    const code = how === exitCodes.usage ? 'bad-config' : 'unavailable';
    throw new FatalError(code, `process ${failed + 1} did not start, its own words are above (it ended with ${how})`);
  }

  async stop(deadlineMs: number): Promise<void> {
    this.stopping.abort();
    await Promise.all(this.live().map(([, link]) => link.stop(deadlineMs)));
    await Promise.all(this.running ?? []);
    this.running = undefined;
  }

  /** Those that are up, with their numbers. */
  up(): readonly (readonly [number, WorkerLink])[] {
    return this.live().filter(([, link]) => link.isUp);
  }

  /** The numbers of those that are not up. */
  down(): number[] {
    const up = new Set(this.up().map(([number]) => number));
    return Array.from({ length: this.options.count }, (_, i) => i + 1).filter((number) => !up.has(number));
  }

  private live(): (readonly [number, WorkerLink])[] {
    return this.links.flatMap((link, i) => (link ? [[i + 1, link] as const] : []));
  }

  private open(number: number): WorkerLink {
    const link = new WorkerLink(this.options.fork(number));
    this.links[number - 1] = link;
    return link;
  }

  private async keep(number: number, first: WorkerLink): Promise<void> {
    const { clock, random, logger } = this.options;
    const { signal } = this.stopping;
    let delays = retryDelays(restarts, random);
    for (let link = first; ; link = this.open(number)) {
      const startMs = clock.monotonicMs();
      const how = await link.ended;
      this.links[number - 1] = undefined;
      if (signal.aborted) return;
      if (clock.monotonicMs() - startMs > goodAfterMs) delays = retryDelays(restarts, random);
      const delayMs = Math.round(delays.next().value);
      logger.error({ process: number, ended: how, delayMs }, 'a process has ended: it is started anew');
      await clock.sleep(delayMs, signal);
      if (signal.aborted) return;
    }
  }
}
