//  sensor ─► sampler ─┐
//  sensor ─► sampler ─┼─► channel ─► pipeline ─┬─ points ─► pack buffer ─► data lane ──┬─► outbox
//  sensor ─► sampler ─┘   (checks,   (filters, └─ alerts ────────────────► alert lane ─┘
//            (schedule)    stamps)    reducer)
import { setMaxListeners } from 'node:events';
import { Gauge, Histogram, type Registry } from 'prom-client';
import type { Alert } from '#core/contract/alert.js';
import type { SensorDescription } from '#core/contract/catalogue.js';
import type { Reading } from '#core/contract/reading.js';
import { FatalError } from '#core/runtime/errors.js';
import type { Part } from '#core/runtime/lifecycle.js';
import { observe, StageMeter, type StageSnapshot } from '#core/runtime/metrics.js';
import type { Pipeline } from '#core/signal/pipeline.js';
import { alignedTicks } from './agent/aligned-ticks.js';
import { Channel } from './agent/channel.js';
import { Outgoing, type OutgoingOptions } from './agent/outgoing.js';
import { Sampler, type ScheduledSensor, type SensorStatus } from './agent/sampler.js';

export type { ScheduledSensor, SensorStatus } from './agent/sampler.js';

/** How often hanging reads, back-offs and ended windows are looked at. */
const watchMs = 250;
/** A window ends this long after its end by the clock: a reading may take as long to arrive. */
const windowGraceUs = 500_000;
/** A sensor that has not started by then no longer holds up the agent's start. */
const startWaitMs = 5000;

export interface AgentOptions extends OutgoingOptions {
  readonly sensors: readonly ScheduledSensor[];
  /** A fresh pipeline for one channel, called once for each. */
  readonly pipelineFor: (channel: string, description: SensorDescription, sensor: string) => Pipeline;
  /** The description that goes into the catalogue. Default the driver's own. */
  readonly describe?: (channel: string, description: SensorDescription, sensor: string) => SensorDescription;
  readonly registry: Registry;
}

export interface AgentStatus extends StageSnapshot {
  readonly sensors: readonly SensorStatus[];
  /** Points in memory that the outbox has not taken yet. */
  readonly waitingPoints: number;
  /** Why the outbox takes nothing; undefined while it does. */
  readonly outboxFailure: string | undefined;
}

/**
 * Samples the sensors, each on its own schedule, and brings their readings into the outbox, which is started before
 * the agent and stopped after it. It fills the catalogue as sensors come up.
 */
export class Agent implements Part {
  private readonly meter: StageMeter;
  private readonly samplers: readonly Sampler[];
  private readonly channels = new Map<string, { channel: Channel; owner: Sampler }>();
  private readonly outgoing: Outgoing;
  private running: AbortController | undefined;

  constructor(private readonly options: AgentOptions) {
    const { registry } = options;
    this.meter = new StageMeter('edge_agent', registry);
    this.outgoing = new Outgoing(options, this.meter);
    const hooks = {
      onStarted: (sampler: Sampler) => this.adopt(sampler),
      onReadings: (readings: readonly Reading[]) => this.take(readings),
      onDropped: (reason: string, readings: number) => {
        this.meter.in(readings);
        this.meter.drop(reason, readings);
      },
      onJitter: jitterMeter(registry),
    };
    const { clock, random, logger } = options;
    this.samplers = options.sensors.map((sensor) => new Sampler({ ...sensor, clock, random, logger, ...hooks }));
    exportJitter(registry, this.samplers);
    const help = 'Points in memory that the outbox has not taken';
    observe(registry, 'fieldline_edge_waiting_points', help, () => this.outgoing.waitingPoints);
  }

  /** Resolves when every sensor has started or failed to, or after five seconds: the rest come up later. */
  async start(): Promise<void> {
    if (this.running) return;
    const { signal } = (this.running = new AbortController());
    const { clock } = this.options;
    // One sleeper per interval listens, which are not more than there are sensors.
    setMaxListeners(0, signal);
    const opened = new AbortController();
    const opening = Promise.all(this.samplers.map((sampler) => sampler.open()));
    await Promise.race([opening, clock.sleep(startWaitMs, opened.signal)]);
    opened.abort();
    for (const [intervalMs, samplers] of byInterval(this.samplers)) {
      void alignedTicks(intervalMs, clock, signal, (dueUs) => {
        for (const sampler of samplers) sampler.tick(dueUs);
      });
    }
    void this.watch(signal);
  }

  /** Takes no more ticks, waits for reads in work, ends open windows, and writes what there is. */
  async stop(deadlineMs: number): Promise<void> {
    if (!this.running) return;
    this.running.abort();
    this.running = undefined;
    const { clock, logger } = this.options;
    const untilMs = clock.monotonicMs() + deadlineMs;
    const stopped = await Promise.allSettled(this.samplers.map((sampler) => sampler.stop(deadlineMs / 3)));
    for (const result of stopped) {
      if (result.status === 'rejected') logger.warn({ err: result.reason as Error }, 'a sensor did not stop cleanly');
    }
    this.flushWindows(Infinity);
    await this.outgoing.stop(Math.max(50, untilMs - clock.monotonicMs()));
  }

  status(): AgentStatus {
    const { waitingPoints, failure } = this.outgoing;
    const sensors = this.samplers.map((sampler) => sampler.status());
    return { ...this.meter.snapshot(), sensors, waitingPoints, outboxFailure: failure };
  }

  /** A sensor has started: its channels get their places. Throws FatalError if another sensor has one of them. */
  private adopt(sampler: Sampler): void {
    const { pipelineFor, catalogue, describe = (_channel, description) => description } = this.options;
    const described = Object.entries(sampler.sensor.channels).map(([name, own]) => {
      const owner = this.channels.get(name)?.owner ?? sampler;
      if (owner !== sampler) throw new FatalError('bad-config', `${owner.name} already has a channel ${name}`);
      return [name, describe(name, own, sampler.name)] as const;
    });
    // A pack must not hold readings of two catalogues.
    this.outgoing.buffer.cut();
    catalogue.describe(Object.fromEntries(described));
    for (const [name, description] of described) {
      if (this.channels.has(name)) continue;
      this.channels.set(name, { channel: new Channel(pipelineFor(name, description, sampler.name)), owner: sampler });
    }
  }

  private take(readings: readonly Reading[]): void {
    const { buffer } = this.outgoing;
    const alerts: Alert[] = [];
    this.meter.in(readings.length);
    for (const reading of readings) {
      const channel = this.channels.get(reading.sensor)?.channel;
      const refused = channel ? channel.take(reading, buffer.points, alerts) : 'unknown-channel';
      if (refused) this.meter.drop(refused, 1);
      else buffer.grown();
    }
    if (alerts.length > 0) this.outgoing.writeAlerts(alerts);
  }

  private async watch(signal: AbortSignal): Promise<void> {
    const { clock } = this.options;
    while (!signal.aborted) {
      for (const sampler of this.samplers) sampler.watch(clock.monotonicMs());
      this.flushWindows(clock.nowUs() - windowGraceUs);
      await clock.sleep(watchMs, signal);
    }
  }

  private flushWindows(nowUs: number): void {
    const { buffer } = this.outgoing;
    for (const { channel } of this.channels.values()) {
      channel.pipeline.flush(nowUs, buffer.points);
      channel.pipeline.takeDropped((reason, readings) => this.meter.drop(reason, readings));
      buffer.grown();
    }
  }
}

function byInterval(samplers: readonly Sampler[]): Map<number, Sampler[]> {
  const groups = new Map<number, Sampler[]>();
  for (const sampler of samplers) {
    const group = groups.get(sampler.intervalMs);
    if (group) group.push(sampler);
    else groups.set(sampler.intervalMs, [sampler]);
  }
  return groups;
}

/** How late reads begin, as a histogram. */
function jitterMeter(registry: Registry): (jitterMs: number) => void {
  const histogram = new Histogram({
    name: 'fieldline_edge_sampling_jitter_seconds',
    help: 'Time from the due moment of a read to its beginning',
    buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1],
    registers: [registry],
  });
  return (jitterMs) => histogram.observe(Math.max(0, jitterMs) / 1000);
}

/** The same for each sensor, as a number to look at without a query. */
function exportJitter(registry: Registry, samplers: readonly Sampler[]): void {
  new Gauge({
    name: 'fieldline_edge_sampling_jitter_p99_seconds',
    help: 'Time from due moment to beginning within which 99 % of the last reads of a sensor began',
    labelNames: ['sensor'],
    registers: [registry],
    collect() {
      for (const sampler of samplers) this.set({ sensor: sampler.name }, sampler.status().p99JitterMs / 1000);
    },
  });
}
