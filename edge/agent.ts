//  sensor ─► sampler ─┐
//  sensor ─► sampler ─┼─► channel ─► pipeline ─┬─ points ─► pack buffer ─► data lane ──┬─► outbox
//  sensor ─► sampler ─┘   (checks,   (filters, └─ alerts ────────────────► alert lane ─┘
//            (schedule)    stamps)    reducer)
import { setMaxListeners } from 'node:events';
import type { Registry } from 'prom-client';
import type { Alert } from '#core/contract/alert.js';
import type { SensorDescription } from '#core/contract/catalogue.js';
import type { Point, Reading } from '#core/contract/reading.js';
import { isUptimeStamp } from '#core/contract/uptime-stamps.js';
import { FatalError, RejectedError } from '#core/runtime/errors.js';
import type { Part } from '#core/runtime/lifecycle.js';
import { observe, StageMeter, type StageSnapshot } from '#core/runtime/metrics.js';
import type { Pipeline } from '#core/signal/pipeline.js';
import { alignedTicks } from './agent/aligned-ticks.js';
import { Channel } from './agent/channel.js';
import { Outgoing, type OutgoingOptions, type PackOptions } from './agent/outgoing.js';
import { Sampler, type SamplerHooks, type ScheduledSensor, type SensorStatus } from './agent/sampler.js';
import { exportSensors, jitterMeter } from './agent/sensor-metrics.js';
import { UniqueStamps } from './agent/unique-stamps.js';

export type { ScheduledSensor, SensorStatus } from './agent/sampler.js';

/** How often hanging reads, back-offs and ended windows are looked at. */
const watchMs = 250;
/** A window ends this long after its end by the clock: a reading may take as long to arrive. */
const windowGraceUs = 500_000;
/** Sensors that start within it are described by one catalogue; one that hangs costs the others no more than this. */
const headStartMs = 1000;
/** A sensor that has not started by then no longer holds up the agent's start. */
const startWaitMs = 5000;
/** The same while others measured just now. */
const replaceWaitMs = 1000;

/** What is measured, and what becomes of it: may be another while the agent runs. */
export interface AgentSetup extends PackOptions {
  readonly sensors: readonly ScheduledSensor[];
  /** A fresh pipeline for one channel, as its driver describes it; called once for each. */
  readonly pipelineFor: (channel: string, description: SensorDescription, sensor: string) => Pipeline;
  /** The description that goes into the catalogue. Default the driver's own. */
  readonly describe?: (channel: string, description: SensorDescription, sensor: string) => SensorDescription;
}

export interface AgentOptions extends OutgoingOptions, AgentSetup {
  readonly registry: Registry;
}

export interface SensorFlow {
  /** Readings taken that were neither `bad` nor left out by a filter. */
  readonly useful: number;
  readonly intervalMs: number;
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
  private readonly hooks: SamplerHooks;
  private setup: AgentSetup;
  private samplers: readonly Sampler[];
  private readonly channels = new Map<string, { channel: Channel; owner: Sampler }>();
  /** They outlive a {@link replace}: what comes after it must not have a stamp that was given before. */
  private readonly stamps = new Map<string, UniqueStamps>();
  private readonly outgoing: Outgoing;
  private running: AbortController | undefined;

  constructor(private readonly options: AgentOptions) {
    const { registry } = options;
    this.meter = new StageMeter('edge_agent', registry);
    this.outgoing = new Outgoing(options, this.meter);
    this.hooks = {
      onStarted: (sampler: Sampler) => this.adopt(sampler),
      onReadings: (readings: readonly Reading[]) => this.take(readings),
      onDropped: (reason: string, readings: number) => {
        this.meter.in(readings);
        this.meter.drop(reason, readings);
      },
      onJitter: jitterMeter(registry),
    };
    this.setup = options;
    this.samplers = this.createSamplers();
    exportSensors(registry, () => this.samplers.map((sampler) => sampler.status()));
    options.timeline?.onStep((byUs, becameKnown) => this.follow(byUs, becameKnown));
    const help = 'Points in memory that the outbox has not taken';
    observe(registry, 'fieldline_edge_waiting_points', help, () => this.outgoing.waitingPoints);
  }

  /** Resolves when every sensor has started or failed to, or after five seconds: the rest come up later. */
  start(): Promise<void> {
    return this.running ? Promise.resolve() : this.begin(startWaitMs);
  }

  /** Takes no more ticks, waits for reads in work, ends open windows, and writes what there is. */
  async stop(deadlineMs: number): Promise<void> {
    if (!this.running) return;
    const { clock } = this.options;
    const untilMs = clock.monotonicMs() + deadlineMs;
    await this.rest(deadlineMs / 3);
    await this.outgoing.stop(Math.max(50, untilMs - clock.monotonicMs()));
  }

  /**
   * Other sensors, pipelines and packs from now on. The old sensors are stopped first, for both may want one device;
   * what they gave is on its way to the outbox before the new ones start. While stopped it takes effect at the start.
   */
  async replace(setup: AgentSetup, deadlineMs: number): Promise<void> {
    const { running } = this;
    if (running) await this.rest(deadlineMs);
    this.setup = setup;
    this.outgoing.configure(setup);
    this.channels.clear();
    this.options.catalogue.clear();
    this.samplers = this.createSamplers();
    if (running) await this.begin(replaceWaitMs);
  }

  /** Stops a sensor and starts it anew. Throws RejectedError `refused` if there is none of that name, or if it does not start. */
  async restartSensor(name: string): Promise<void> {
    const sampler = this.samplers.find((one) => one.name === name);
    if (!sampler || !this.running) throw new RejectedError('refused', `no sensor ${name} runs here`);
    await sampler.restart();
    const { state, lastError } = sampler.status();
    if (state !== 'ready' && state !== 'reading') throw new RejectedError('refused', `${name}: ${lastError ?? state}`);
  }

  /** By sensor, since the last {@link replace}. */
  flow(): Map<string, SensorFlow> {
    const flow = new Map(this.samplers.map(({ name, intervalMs }) => [name, { useful: 0, intervalMs }]));
    for (const { channel, owner } of this.channels.values()) {
      this.countDropped(channel);
      flow.get(owner.name)!.useful += channel.useful;
    }
    return flow;
  }

  status(): AgentStatus {
    const { waitingPoints, failure } = this.outgoing;
    const sensors = this.samplers.map((sampler) => sampler.status());
    return { ...this.meter.snapshot(), sensors, waitingPoints, outboxFailure: failure };
  }

  /** A sensor has started: its channels get their places. Throws FatalError if another sensor has one of them. */
  private adopt(sampler: Sampler): void {
    // One that took so long to start that it has been replaced meanwhile.
    if (!this.samplers.includes(sampler)) return;
    const { catalogue } = this.options;
    const { pipelineFor, describe = (_channel, description) => description } = this.setup;
    const described = Object.entries(sampler.sensor.channels).map(([name, own]) => {
      const owner = this.channels.get(name)?.owner ?? sampler;
      if (owner !== sampler) throw new FatalError('bad-config', `${owner.name} already has a channel ${name}`);
      return { name, own, catalogued: describe(name, own, sampler.name) };
    });
    // A pack must not hold readings of two catalogues.
    this.outgoing.buffer.cut();
    catalogue.describe(Object.fromEntries(described.map(({ name, catalogued }) => [name, catalogued])));
    for (const { name, own } of described) {
      if (this.channels.has(name)) continue;
      const stamps = this.stamps.get(name) ?? new UniqueStamps();
      this.stamps.set(name, stamps);
      const channel = new Channel(pipelineFor(name, own, sampler.name), stamps);
      this.channels.set(name, { channel, owner: sampler });
    }
  }

  private take(readings: readonly Reading[]): void {
    const { timeline } = this.options;
    const boot = timeline?.unsyncedBoot;
    const alerts: Alert[] = [];
    this.meter.in(readings.length);
    for (const given of readings) {
      const timeUs = timeline ? timeline.stamp(given.timeUs) : given.timeUs;
      const reading = timeUs === given.timeUs ? given : { ...given, timeUs };
      const unsynced = boot !== undefined && isUptimeStamp(timeUs);
      const buffer = this.outgoing.bufferFor(unsynced ? boot : undefined);
      const channel = this.channels.get(reading.sensor)?.channel;
      const refused = channel ? channel.take(reading, buffer.points, alerts, unsynced) : 'unknown-channel';
      if (refused) this.meter.drop(refused, 1);
      else buffer.grown();
    }
    if (alerts.length > 0) this.tell(alerts, boot);
  }

  private tell(alerts: readonly Alert[], boot: string | undefined): void {
    if (boot === undefined) return this.outgoing.writeAlerts(alerts);
    // A sensor may have a clock of its own.
    const timeless = alerts.filter(({ timeUs }) => isUptimeStamp(timeUs));
    this.outgoing.writeAlerts(timeless, boot);
    this.outgoing.writeAlerts(alerts.filter((alert) => !timeless.includes(alert)));
  }

  /** The clock was set: what is open ends in the time before, and what has been going on goes on in the new one. */
  private follow(byUs: number, becameKnown: boolean): void {
    this.flushWindows(Infinity);
    this.outgoing.bufferFor(undefined);
    for (const { channel } of this.channels.values()) channel.pipeline.shift(byUs);
    if (becameKnown) for (const stamps of this.stamps.values()) stamps.resolve(byUs);
  }

  private async watch(signal: AbortSignal): Promise<void> {
    const { clock } = this.options;
    while (!signal.aborted) {
      for (const sampler of this.samplers) sampler.watch(clock.monotonicMs());
      this.flushWindows(clock.nowUs() - windowGraceUs);
      await clock.sleep(watchMs, signal);
    }
  }

  /** Readings begin when every sensor has started or failed to, so that they name one catalogue, or after `waitMs`. */
  private async begin(waitMs: number): Promise<void> {
    const { signal } = (this.running = new AbortController());
    const { clock } = this.options;
    // One sleeper per interval listens, which are not more than there are sensors.
    setMaxListeners(0, signal);
    const opening = Promise.all(this.samplers.map((sampler) => sampler.open()));
    await this.settle(opening, Math.min(waitMs, headStartMs));
    for (const [intervalMs, samplers] of byInterval(this.samplers)) {
      void alignedTicks(intervalMs, clock, signal, (dueUs) => {
        for (const sampler of samplers) sampler.tick(dueUs);
      });
    }
    void this.watch(signal);
    await this.settle(opening, waitMs - headStartMs);
  }

  private async settle(work: Promise<unknown>, withinMs: number): Promise<void> {
    const done = new AbortController();
    await Promise.race([work, this.options.clock.sleep(withinMs, done.signal)]);
    done.abort();
  }

  /** Takes no more ticks, waits for reads in work, ends open windows, and cuts the pack. */
  private async rest(deadlineMs: number): Promise<void> {
    this.running?.abort();
    this.running = undefined;
    const stopped = await Promise.allSettled(this.samplers.map((sampler) => sampler.stop(deadlineMs)));
    for (const result of stopped) {
      const err = result.status === 'rejected' ? (result.reason as Error) : undefined;
      if (err) this.options.logger.warn({ err }, 'a sensor did not stop cleanly');
    }
    this.flushWindows(Infinity);
    this.outgoing.buffer.cut();
  }

  private createSamplers(): Sampler[] {
    const { clock, random, logger } = this.options;
    return this.setup.sensors.map((sensor) => new Sampler({ ...sensor, clock, random, logger, ...this.hooks }));
  }

  private countDropped(channel: Channel): void {
    channel.pipeline.takeDropped((reason, readings) => {
      this.meter.drop(reason, readings);
      // For a reduced reading another point stands.
      if (reason !== 'reduced') channel.useful -= readings;
    });
  }

  private flushWindows(nowUs: number): void {
    const ended: Point[] = [];
    for (const { channel } of this.channels.values()) {
      channel.pipeline.flush(nowUs, ended);
      this.countDropped(channel);
    }
    if (ended.length === 0) return;
    const buffer = this.outgoing.bufferFor(undefined);
    for (const point of ended) {
      buffer.points.push(point);
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
