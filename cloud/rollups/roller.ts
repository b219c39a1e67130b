import type { Registry } from 'prom-client';
import type { Clock } from '#core/runtime/clock.js';
import { messageOf } from '#core/runtime/errors.js';
import type { Part } from '#core/runtime/lifecycle.js';
import type { Logger } from '#core/runtime/logger.js';
import { retryDelays } from '#core/runtime/retry.js';
import type { SeriesStore } from '../store/store.js';
import { RollupMetrics } from './rollup-metrics.js';

export interface RollerOptions {
  readonly store: Pick<SeriesStore, 'repairRollups' | 'prune'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly registry?: Registry;
  /** Between two looks for dirty buckets. */
  readonly everyMs?: number;
  /** How long after its end a bucket waits for what is still on the way. */
  readonly settleMs?: number;
  readonly pruneEveryMs?: number;
}

/** A call that repaired this many has probably left some: the next follows at once. */
const backlogBuckets = 10_000;

/**
 * Keeps the rollups right: soon after a bucket closes, within seconds when something comes late, and deletes hourly
 * what is older than its retention. Failures are tried again with back-off; nothing is lost meanwhile, because the
 * dirty buckets are kept in the store.
 */
export class Roller implements Part {
  private readonly metrics: RollupMetrics | undefined;
  private stopping = new AbortController();
  private loop: Promise<void> | undefined;
  private nextPruneMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly options: RollerOptions) {
    this.metrics = options.registry && new RollupMetrics(options.registry, options.clock);
  }

  async start(): Promise<void> {
    if (this.loop) return;
    this.stopping = new AbortController();
    this.loop = this.run(this.stopping.signal);
  }

  async stop(deadlineMs: number): Promise<void> {
    this.stopping.abort();
    const waited = new AbortController();
    await Promise.race([this.loop, this.options.clock.sleep(deadlineMs, waited.signal)]);
    waited.abort();
    this.loop = undefined;
  }

  private async run(signal: AbortSignal): Promise<void> {
    const { clock, everyMs = 1000 } = this.options;
    let delays = backOff();
    while (!signal.aborted) {
      let delayMs = everyMs;
      try {
        if ((await this.repair()) >= backlogBuckets) delayMs = 0;
        await this.pruneIfDue();
        delays = backOff();
      } catch (error) {
        delayMs = delays.next().value;
        this.noteFailure(error, delayMs, signal);
      }
      await clock.sleep(delayMs, signal);
    }
  }

  /** Resolves with the number of buckets computed. */
  private async repair(): Promise<number> {
    const { store, clock, settleMs = 2000 } = this.options;
    const closedBeforeUs = clock.nowUs() - settleMs * 1000;
    const outcome = await store.repairRollups(closedBeforeUs);
    this.metrics?.repaired(outcome, closedBeforeUs);
    return Object.values(outcome.repaired).reduce((sum, count) => sum + count, 0);
  }

  private async pruneIfDue(): Promise<void> {
    const { store, clock, pruneEveryMs = 3_600_000 } = this.options;
    if (clock.monotonicMs() < this.nextPruneMs) return;
    await store.prune(clock.nowUs());
    this.nextPruneMs = clock.monotonicMs() + pruneEveryMs;
  }

  private noteFailure(error: unknown, delayMs: number, signal: AbortSignal): void {
    // A store that is stopped before the roller is no failure.
    if (signal.aborted) return;
    this.metrics?.failed();
    this.options.logger.warn({ err: error, delayMs }, `rollups could not be repaired: ${messageOf(error)}`);
  }
}

function backOff(): Generator<number, never> {
  // One roller for one store: there is no herd to spread.
  return retryDelays({ firstMs: 500, maxMs: 30_000, jitter: 0 }, () => 0);
}
