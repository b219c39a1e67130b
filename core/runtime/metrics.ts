import type { Registry } from 'prom-client';
import { Counter, Gauge } from 'prom-client';

/**
 * The conservation counters of one stage, in readings: in = out + dropped(reason) + in flight, at every moment.
 * `fieldline_<stage>_readings_{in,out,dropped}_total` and `fieldline_<stage>_readings_in_flight`.
 */
export class StageMeter {
  private readonly inTotal: Counter;
  private readonly outTotal: Counter;
  private readonly droppedTotal: Counter<'reason'>;
  private totals = { in: 0, out: 0, dropped: 0 };
  private readonly reasons = new Map<string, number>();

  constructor(
    readonly stage: string,
    registry: Registry,
  ) {
    const name = `fieldline_${stage}_readings`;
    const registers = [registry];
    this.inTotal = new Counter({ name: `${name}_in_total`, help: `Readings that entered ${stage}`, registers });
    this.outTotal = new Counter({
      name: `${name}_out_total`,
      help: `Readings that ${stage} handed on safely`,
      registers,
    });
    this.droppedTotal = new Counter({
      name: `${name}_dropped_total`,
      help: `Readings that ${stage} dropped, by reason`,
      labelNames: ['reason'],
      registers,
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
    this.inTotal.inc(readings);
  }

  out(readings: number): void {
    this.totals.out += readings;
    this.outTotal.inc(readings);
  }

  /** `reason` is of a closed list: it becomes a label. */
  drop(reason: string, readings: number): void {
    if (readings === 0) return;
    this.totals.dropped += readings;
    this.reasons.set(reason, (this.reasons.get(reason) ?? 0) + readings);
    this.droppedTotal.inc({ reason }, readings);
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

/** A gauge that reads its value when it is scraped. */
export function observe(registry: Registry, name: string, help: string, value: () => number): void {
  new Gauge({ name, help, registers: [registry], collect: gaugeOf(value) });
}
