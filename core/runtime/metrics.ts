import type { Registry } from 'prom-client';
import { Counter, Gauge } from 'prom-client';

/**
 * The conservation counters of one stage, in readings: in = out + dropped(reason) + in flight, at every moment.
 * `fieldline_<stage>_readings_{in,out,dropped}_total` and `fieldline_<stage>_readings_in_flight`.
 */
export class StageMeter {
  private totals = { in: 0, out: 0, dropped: 0 };
  private readonly reasons = new Map<string, number>();

  /** Its metrics read the totals when they are scraped: counting costs an addition. */
  constructor(
    readonly stage: string,
    registry: Registry,
  ) {
    const name = `fieldline_${stage}_readings`;
    const registers = [registry];
    const count = (what: 'in' | 'out', help: string) =>
      new Counter({ name: `${name}_${what}_total`, help, registers, collect: countOf(() => this.totals[what]) });
    count('in', `Readings that entered ${stage}`);
    count('out', `Readings that ${stage} handed on safely`);
    const { reasons } = this;
    new Counter({
      name: `${name}_dropped_total`,
      help: `Readings that ${stage} dropped, by reason`,
      labelNames: ['reason'],
      registers,
      collect() {
        this.reset();
        for (const [reason, readings] of reasons) this.inc({ reason }, readings);
      },
    });
    new Gauge({
      name: `${name}_in_flight`,
      help: `Readings inside ${stage}`,
      registers,
      collect: gaugeOf(() => this.inFlight),
    });
  }

  in(readings: number): void {
    this.totals.in += readings;
  }

  out(readings: number): void {
    this.totals.out += readings;
  }

  /** `reason` is of a closed list: it becomes a label. */
  drop(reason: string, readings: number): void {
    if (readings === 0) return;
    this.totals.dropped += readings;
    this.reasons.set(reason, (this.reasons.get(reason) ?? 0) + readings);
  }

  get inFlight(): number {
    return this.totals.in - this.totals.out - this.totals.dropped;
  }

  snapshot(): StageSnapshot {
    return { stage: this.stage, ...this.totals, inFlight: this.inFlight, reasons: Object.fromEntries(this.reasons) };
  }
}

export interface StageSnapshot {
  readonly stage: string;
  readonly in: number;
  readonly out: number;
  readonly dropped: number;
  readonly inFlight: number;
  readonly reasons: Readonly<Record<string, number>>;
}

function gaugeOf(value: () => number): (this: Gauge) => void {
  return function collect(this: Gauge) {
    this.set(value());
  };
}

function countOf(value: () => number): (this: Counter) => void {
  return function collect(this: Counter) {
    this.reset();
    this.inc(value());
  };
}

/** A gauge that reads its value when it is scraped. */
export function observe(registry: Registry, name: string, help: string, value: () => number): void {
  new Gauge({ name, help, registers: [registry], collect: gaugeOf(value) });
}
