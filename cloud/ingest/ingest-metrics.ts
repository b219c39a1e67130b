import { Counter, Histogram, type Registry } from 'prom-client';
import { observe, StageMeter } from '#core/runtime/metrics.js';
import type { WriteOutcome } from '../store/store.js';
import type { ParkingStatus } from './parking.js';

export interface IngestParked extends ParkingStatus {
  readonly unsynced: Pick<ParkingStatus, 'records' | 'readings'>;
}

/** 5 ms to a day: a live reading takes tens of milliseconds, one from a backlog hours. */
const latencyBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 300, 3600, 86_400];

/**
 * The counters of the ingest.
 *
 * Every reading of a pack enters once and ends as exactly one of: out (the store has it: `stored`, `duplicate`
 * or `expired`), dropped with the reason of its dead letter, or `handed-back` to the log, which brings it again. While it
 * is parked it is in flight, across restarts. A payload that cannot be decoded counts as one reading.
 */
export class IngestMetrics {
  readonly meter: StageMeter;
  private readonly outcomes: Counter<'outcome'>;
  private readonly alerts: Counter<'outcome'>;
  private readonly letters: Counter<'reason'>;
  private readonly retries: Counter;
  private readonly latency: Histogram;

  constructor(registry: Registry, parking: () => IngestParked) {
    const registers = [registry];
    const name = 'fieldline_ingest';
    this.meter = new StageMeter('ingest', registry);
    this.outcomes = new Counter({
      name: `${name}_outcome_readings_total`,
      help: 'Readings that the store took, by outcome: stored, duplicate, expired',
      labelNames: ['outcome'],
      registers,
    });
    this.alerts = new Counter({
      name: `${name}_alerts_total`,
      help: 'Alerts, by outcome: received, stored, set-aside',
      labelNames: ['outcome'],
      registers,
    });
    this.letters = new Counter({
      name: `${name}_dead_letters_total`,
      help: 'Records set aside, by reason',
      labelNames: ['reason'],
      registers,
    });
    this.retries = new Counter({ name: `${name}_store_retries_total`, help: 'Writes tried again', registers });
    this.latency = new Histogram({
      name: `${name}_latency_seconds`,
      help: 'From the stamp of a reading until the store had it; the newest and the oldest of each pack',
      buckets: latencyBuckets,
      registers,
    });
    observe(registry, `${name}_parked_records`, 'Packs that wait for a catalogue or a clock', () => parking().records);
    observe(registry, `${name}_parked_readings`, 'Readings in parked packs', () => parking().readings);
    const clockHelp = 'Readings in parked packs that wait for the clock of their device';
    observe(registry, `${name}_parked_unsynced_readings`, clockHelp, () => parking().unsynced.readings);
    observe(registry, `${name}_parked_bytes`, 'Bytes of parked packs', () => parking().bytes);
    observe(registry, `${name}_parking_refusals`, 'Times that the parking was full', () => parking().refusals);
  }

  stored(readings: number, outcome: WriteOutcome): void {
    this.meter.out(readings);
    for (const kind of ['stored', 'duplicate', 'expired'] as const) {
      if (outcome[kind] > 0) this.outcomes.inc({ outcome: kind }, outcome[kind]);
    }
  }

  /** A record that is parked already came again. */
  parkedTwice(readings: number): void {
    this.stored(readings, { stored: 0, duplicate: readings, expired: 0 });
  }

  alert(outcome: 'received' | 'stored' | 'set-aside', alerts: number): void {
    this.alerts.inc({ outcome }, alerts);
  }

  setAside(reason: string, readings: number): void {
    this.letters.inc({ reason });
    this.meter.drop(reason, readings);
  }

  retried(): void {
    this.retries.inc();
  }

  latencyMs(ms: number): void {
    this.latency.observe(ms / 1000);
  }
}

/** The readings of one attempt to carry records, so that a failed attempt leaves the counters balanced. */
export class Tally {
  private entered = 0;
  private unsettled = 0;

  constructor(private readonly meter: StageMeter) {}

  /** Readings that the log brought. */
  enter(readings: number): void {
    this.meter.in(readings);
    this.resume(readings);
  }

  /** Readings that were counted when they were parked. */
  resume(readings: number): void {
    this.entered += readings;
    this.unsettled += readings;
  }

  settle(readings: number): void {
    this.unsettled -= readings;
  }

  /** The log will bring the same records again: what is unsettled is its own once more. */
  handBack(): void {
    this.meter.drop('handed-back', this.unsettled);
  }

  /** The parking will bring the same records again: what was settled is counted a second time then. */
  repeat(): void {
    this.meter.in(this.entered - this.unsettled);
  }
}
