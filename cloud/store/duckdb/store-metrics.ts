import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { WriteOutcome } from '../store.js';
import { allTiers, rollupTiers, type TierSpec } from './tiers.js';

/** What the store tells of itself; the readings' conservation is the ingest's to count. */
export class StoreMetrics {
  private readonly outcomes: Counter<'outcome'>;
  private readonly shed: Counter;
  private readonly writeSeconds: Histogram;

  constructor(registry: Registry, dirty: (tier: TierSpec) => number) {
    const registers = [registry];
    this.outcomes = new Counter({
      name: 'fieldline_store_readings_total',
      help: 'Readings handed to the store, by what became of them: stored, duplicate or expired',
      labelNames: ['outcome'],
      registers,
    });
    this.shed = new Counter({
      name: 'fieldline_store_shed_readings_total',
      help: 'Raw points given up before their retention to make room; their rollups stay',
      registers,
    });
    this.writeSeconds = new Histogram({
      name: 'fieldline_store_write_seconds',
      help: 'Duration of one batch write',
      buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5],
      registers,
    });
    new Gauge({
      name: 'fieldline_store_dirty_buckets',
      help: 'Buckets whose rollup must be computed again',
      labelNames: ['tier'],
      registers,
      collect() {
        for (const tier of rollupTiers) {
          const both = allTiers.filter(({ name }) => name === tier.name);
          this.set(
            { tier: tier.name },
            both.reduce((sum, each) => sum + dirty(each), 0),
          );
        }
      },
    });
  }

  written(outcome: WriteOutcome, durationMs: number): void {
    for (const [name, readings] of Object.entries(outcome)) this.outcomes.inc({ outcome: name }, readings as number);
    this.writeSeconds.observe(durationMs / 1000);
  }

  gaveUp(readings: number): void {
    this.shed.inc(readings);
  }
}
