import { Counter, Gauge, type Registry } from 'prom-client';
import type { Clock } from '#core/runtime/clock.js';
import { observe } from '#core/runtime/metrics.js';
import type { RepairOutcome } from '../store/store.js';

/** What is told of the rollups: how many were computed, how many wait, and how far behind the present they are. */
export class RollupMetrics {
  private readonly repairedTotal: Counter<'tier'>;
  private readonly failures: Counter;
  private readonly dirty: Gauge;
  private upToUs: number | undefined;

  constructor(registry: Registry, clock: Clock) {
    const registers = [registry];
    this.repairedTotal = new Counter({
      name: 'fieldline_rollups_repaired_total',
      help: 'Buckets computed, by tier',
      labelNames: ['tier'],
      registers,
    });
    this.failures = new Counter({
      name: 'fieldline_rollups_failures_total',
      help: 'Repairs or prunes that failed and are tried again',
      registers,
    });
    this.dirty = new Gauge({
      name: 'fieldline_rollups_dirty',
      help: 'Buckets to be computed, those that are still open included',
      registers,
    });
    const lateness = 'How long ago the end of the time is up to which closed buckets were last repaired';
    observe(registry, 'fieldline_rollups_behind_seconds', lateness, () =>
      this.upToUs === undefined ? 0 : (clock.nowUs() - this.upToUs) / 1e6,
    );
  }

  repaired({ repaired, remaining }: RepairOutcome, upToUs: number): void {
    for (const [tier, count] of Object.entries(repaired)) this.repairedTotal.inc({ tier }, count);
    this.dirty.set(remaining);
    this.upToUs = upToUs;
  }

  failed(): void {
    this.failures.inc();
  }
}
