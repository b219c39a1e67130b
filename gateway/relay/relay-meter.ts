import { Counter, type Registry } from 'prom-client';
import { StageMeter } from '#core/runtime/metrics.js';
import type { Decoded } from '../intake/decoded.js';
import type { Outcome } from '../intake/message.js';

/**
 * Counts what the gateway does, in readings (`fieldline_gateway_readings_…`) and in messages
 * (`fieldline_gateway_messages_total{kind}`, when they are settled).
 */
export class RelayMeter {
  private readonly stage: StageMeter;
  private readonly settled = new Map<string, number>();

  constructor(registry: Registry) {
    this.stage = new StageMeter('gateway', registry);
    const { settled } = this;
    new Counter({
      name: 'fieldline_gateway_messages_total',
      help: 'Messages that the gateway settled, by what they were',
      labelNames: ['kind'],
      registers: [registry],
      collect() {
        this.reset();
        for (const [kind, messages] of settled) this.inc({ kind }, messages);
      },
    });
  }

  enter({ readings }: Decoded): void {
    this.stage.in(readings);
  }

  leave({ kind, readings, reason, refused = [] }: Decoded, outcome: Outcome): void {
    // Returned readings are not lost: the device has them, and they come in again.
    if (outcome === 'returned') return this.stage.drop('returned', readings);
    const taken = refused.reduce((left, part) => left - part.readings, readings);
    if (reason === undefined) this.stage.out(taken);
    else this.stage.drop(reason, readings);
    if (reason === undefined) for (const part of refused) this.stage.drop(part.reason, part.readings);
    this.settled.set(kind, (this.settled.get(kind) ?? 0) + 1);
  }

  snapshot() {
    return { readings: this.stage.snapshot(), messages: Object.fromEntries(this.settled) };
  }
}
