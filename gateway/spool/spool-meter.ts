import { Counter, type Registry } from 'prom-client';
import { observe } from '#core/runtime/metrics.js';

/** Counts records: in = out + pending, where pending includes what an earlier run left. */
export class SpoolMeter {
  private readonly inTotal: Counter;
  private readonly outTotal: Counter;
  private readonly fullTotal: Counter;
  private counts = { in: 0, out: 0, pending: 0, refused: 0 };

  constructor(registry: Registry, bytes: () => number, oldestAgeMs: () => number) {
    const registers = [registry];
    const name = 'fieldline_gateway_spool';
    this.inTotal = new Counter({ name: `${name}_records_in_total`, help: 'Records acknowledged from disk', registers });
    this.outTotal = new Counter({ name: `${name}_records_out_total`, help: 'Records that the log took', registers });
    const fullHelp = 'Tries to store that were turned away because the spool is full or too old';
    this.fullTotal = new Counter({ name: `${name}_full_total`, help: fullHelp, registers });
    observe(registry, `${name}_pending_records`, 'Records that the log does not have yet', () => this.counts.pending);
    observe(registry, `${name}_bytes`, 'Bytes of the spool on disk', bytes);
    observe(registry, `${name}_oldest_age_seconds`, 'Age of the oldest pending record', () => oldestAgeMs() / 1000);
  }

  found(records: number): void {
    this.counts.pending = records;
  }

  in(records: number): void {
    this.inTotal.inc(records);
    this.counts.in += records;
    this.counts.pending += records;
  }

  out(records: number): void {
    this.outTotal.inc(records);
    this.counts.out += records;
    this.counts.pending -= records;
  }

  refused(): void {
    this.fullTotal.inc();
    this.counts.refused += 1;
  }

  snapshot() {
    return { ...this.counts };
  }
}
