import { Registry } from 'prom-client';
import { decodeAlertPack } from '../../../core/contract/alert.js';
import type { SensorDescription } from '../../../core/contract/catalogue.js';
import { decodePack } from '../../../core/contract/pack.js';
import type { Point, Reading, Value } from '../../../core/contract/reading.js';
import type { Clock } from '../../../core/runtime/clock.js';
import { silentLogger } from '../../../core/runtime/logger.js';
import { Pipeline } from '../../../core/signal/pipeline.js';
import { PassThrough } from '../../../core/signal/reducers/pass-through.js';
import { Agent, type AgentOptions } from '../../../edge/agent.js';
import { DeviceCatalogue } from '../../../edge/device-catalogue.js';
import type { Entry, NewEntry, Outbox, OutboxStatus } from '../../../edge/outbox/outbox.js';
import type { Sensor } from '../../../edge/sensors/sensor.js';
import { describeSensor, testEpoch } from '../../support/packs.js';

/** An outbox without a memory limit whose appends a test can make fail. */
export class FaultyOutbox implements Outbox {
  readonly epoch = testEpoch;
  readonly entries: Entry[] = [];
  /** Thrown by every append while set. */
  fault: Error | undefined;
  /** Appends wait for it. */
  gate: Promise<void> = Promise.resolve();
  refuses: (entry: NewEntry) => Error | undefined = () => undefined;

  async append(entries: readonly NewEntry[]): Promise<number[]> {
    await this.gate;
    const fault = this.fault ?? entries.map((entry) => this.refuses(entry)).find((error) => error !== undefined);
    if (fault) throw fault;
    return entries.map(({ lane, readings, encode }) => {
      const seq = this.entries.length;
      this.entries.push({ seq, lane, readings, payload: encode(seq, this.epoch) });
      return seq;
    });
  }

  points(): Point[] {
    const data = this.entries.filter(({ lane }) => lane === 'data');
    return data.flatMap(({ payload }) => decodePack(payload).points);
  }

  packs() {
    return this.entries.filter(({ lane }) => lane === 'data').map(({ payload }) => decodePack(payload));
  }

  alerts() {
    return this.entries.filter(({ lane }) => lane === 'alert').map(({ payload }) => decodeAlertPack(payload));
  }

  start = () => Promise.resolve();
  stop = () => Promise.resolve();
  offer = () => Promise.resolve([]);
  acknowledge = () => Promise.resolve();
  resend = () => Promise.resolve([]);
  rewind = () => undefined;
  onAppend = () => () => undefined;
  status = (): OutboxStatus => ({
    lastSeq: this.entries.length - 1,
    oldestHeld: 0,
    pendingPacks: this.entries.length,
    pendingReadings: 0,
    bytes: 0,
  });
}

/** A sensor whose values, delays and failures a test decides. */
export class ScriptedSensor implements Sensor {
  channels: Record<string, SensorDescription>;
  readonly calls: string[] = [];
  /** When each read began, on the wall clock. */
  readonly readAtUs: number[] = [];
  startFault: Error | undefined;
  readFault: Error | undefined;
  /** A read takes so long. */
  readMs = 0;
  private ended = new AbortController();

  constructor(
    private readonly clock: Clock,
    channels: readonly string[],
    /** The value of the n-th read, from 0; undefined for none. */
    private readonly valueAt: (n: number, channel: string) => Value | undefined = (n) => n,
    description: Partial<SensorDescription> = {},
  ) {
    this.channels = Object.fromEntries(channels.map((name) => [name, describeSensor(description)]));
  }

  async start(): Promise<void> {
    this.calls.push('start');
    this.ended = new AbortController();
    if (this.startFault) throw this.startFault;
  }

  async read(): Promise<Reading[]> {
    const n = this.readAtUs.length;
    this.readAtUs.push(this.clock.nowUs());
    if (this.readMs > 0) await this.clock.sleep(this.readMs, this.ended.signal);
    if (this.ended.signal.aborted) throw new Error('stopped while reading');
    if (this.readFault) throw this.readFault;
    const timeUs = this.clock.nowUs();
    return Object.keys(this.channels).flatMap((sensor) => {
      const value = this.valueAt(n, sensor);
      return value === undefined ? [] : [{ sensor, timeUs, value, quality: 'good' as const }];
    });
  }

  async stop(): Promise<void> {
    this.calls.push('stop');
    this.ended.abort();
  }
}

export const device = { site: 'plant1', device: 'press-07' };

export interface TestAgent {
  readonly agent: Agent;
  readonly outbox: FaultyOutbox;
  readonly catalogue: DeviceCatalogue;
  readonly registry: Registry;
}

/** An agent over a {@link FaultyOutbox}, with pipelines that hand everything on. */
export function testAgent(clock: Clock, options: Partial<AgentOptions> & Pick<AgentOptions, 'sensors'>): TestAgent {
  const outbox = new FaultyOutbox();
  const catalogue = new DeviceCatalogue(device);
  const registry = new Registry();
  const agent = new Agent({
    device,
    outbox,
    catalogue,
    clock,
    registry,
    random: () => 0.5,
    logger: silentLogger,
    pipelineFor: () => new Pipeline({ reducer: new PassThrough() }),
    ...options,
  });
  return { agent, outbox, catalogue, registry };
}
