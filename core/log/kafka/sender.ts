import type { CompressionTypes } from 'kafkajs';
import { RejectedError, RetryableError } from '../../runtime/errors.js';
import type { Clock } from '../../runtime/clock.js';
import type { LogRecord } from '../log.js';
import type { LogMetrics } from '../log-metrics.js';
import type { Outage } from '../outage.js';
import type { ClusterLink, ProduceTopic } from './cluster-link.js';
import { isNamed, refusal } from './kafka-error.js';
import { type Lane, PendingAppend, queued } from './lane.js';
import { partitionOf } from './partition-of.js';

export interface SenderOptions {
  readonly link: ClusterLink;
  readonly clock: Clock;
  readonly random: () => number;
  readonly outage: Outage;
  readonly metrics: LogMetrics;
  /** How long a batch waits for more records, in milliseconds. */
  readonly lingerMs: number;
  /** How long the broker waits for its replicas, in milliseconds. */
  readonly ackTimeoutMs: number;
  /** Aborted when the log's time to stop is over. */
  readonly aborted: AbortSignal;
}

/** Lanes whose batches go in one request. */
interface Load {
  readonly leader: string;
  readonly compression: CompressionTypes;
  readonly lanes: Lane[];
}

/** The name of what is away when nothing can be appended. */
export const clusterPart = 'cluster';

/**
 * Sends what waits in the lanes. A request carries one batch of each partition that a broker leads, and one such
 * request per broker is out: a broker works on one request of a connection at a time, and waits for the replicas
 * once per request. A batch that failed is repeated, over new connections if need be, until it is acknowledged.
 */
export class Sender {
  private readonly lanes = new Set<Lane>();
  private readonly failing = new Set<Lane>();
  /** The brokers that a request is out to. */
  private readonly out = new Set<string>();
  private leaderOf: ((topic: string, partition: number) => string | undefined) | undefined;
  private wakeAtMs = Infinity;
  private idle: (() => void)[] = [];

  constructor(private readonly options: SenderOptions) {}

  /** Whether a partition does not take its batch. */
  get isFailing(): boolean {
    return this.failing.size > 0;
  }

  get waitingRecords(): number {
    let records = 0;
    for (const lane of this.lanes) records += lane.records;
    return records;
  }

  /** Resolves when all records are acknowledged; `lanes` are those of the topic's partitions, in their order. */
  append(lanes: readonly Lane[], records: readonly LogRecord[]): Promise<void> {
    return new Promise((resolve, reject) => {
      const append = new PendingAppend(records.length, resolve, reject);
      const nowMs = this.options.clock.monotonicMs();
      for (const record of records) {
        const lane = lanes[partitionOf(record.key, lanes.length)]!;
        lane.push(queued(record, append, nowMs));
        this.lanes.add(lane);
        this.wakeIn(lane.dueInMs(nowMs, this.options.lingerMs));
      }
    });
  }

  /** Resolves when nothing waits any more; at `aborted` the rest is rejected. */
  async drain(): Promise<void> {
    const { aborted } = this.options;
    const giveUp = (): void => this.giveUp();
    aborted.addEventListener('abort', giveUp);
    if (aborted.aborted) giveUp();
    while (this.waitingRecords > 0) await new Promise<void>((resolve) => this.idle.push(resolve));
    aborted.removeEventListener('abort', giveUp);
  }

  private wakeIn(delayMs: number): void {
    const { clock } = this.options;
    const atMs = clock.monotonicMs() + delayMs;
    if (atMs >= this.wakeAtMs) return;
    this.wakeAtMs = atMs;
    void clock.sleep(delayMs).then(() => {
      // One that was planned for an earlier time has taken its place.
      if (this.wakeAtMs !== atMs) return;
      this.wakeAtMs = Infinity;
      this.pump();
    });
  }

  /** Sends what is due to each broker that has nothing out. */
  private pump(): void {
    const ready = [...this.lanes].filter((lane) => lane.isReady);
    if (ready.length === 0) {
      if (this.waitingRecords === 0) this.idle.splice(0).forEach((resolve) => resolve());
      return;
    }
    if (!this.leaderOf) return void this.findLeaders(ready);
    const nowMs = this.options.clock.monotonicMs();
    for (const load of this.loads(ready, this.leaderOf)) {
      if (this.out.has(load.leader)) continue;
      const dueInMs = Math.min(...load.lanes.map((lane) => lane.dueInMs(nowMs, this.options.lingerMs)));
      if (dueInMs > 0) this.wakeIn(dueInMs);
      else void this.send(load);
    }
  }

  /** What could go to each broker, the longest waiting first. */
  private loads(ready: readonly Lane[], leaderOf: NonNullable<Sender['leaderOf']>): Load[] {
    const loads = new Map<string, Load>();
    for (const lane of ready) {
      const { topic, partition, compression } = lane;
      const leader = leaderOf(topic, partition);
      if (leader === undefined) {
        this.failed([lane], new RetryableError('unavailable', `${topic}/${partition} has no leader`));
        continue;
      }
      const name = lane.isAlone ? `${topic}/${partition}` : `${leader} ${compression}`;
      const load = loads.get(name);
      if (load) load.lanes.push(lane);
      else loads.set(name, { leader, compression, lanes: [lane] });
    }
    const sinceMs = ({ lanes }: Load): number => Math.min(...lanes.map((lane) => lane.sinceMs));
    return [...loads.values()].sort((a, b) => sinceMs(a) - sinceMs(b));
  }

  private async findLeaders(ready: readonly Lane[]): Promise<void> {
    for (const lane of ready) lane.isBusy = true;
    try {
      this.leaderOf = await this.options.link.leaders();
    } catch (error) {
      this.failed(ready, error);
      return;
    }
    for (const lane of ready) lane.isBusy = false;
    this.pump();
  }

  private async send({ leader, compression, lanes }: Load): Promise<void> {
    const { link, ackTimeoutMs } = this.options;
    this.out.add(leader);
    try {
      await link.produce(leader, topicsOf(lanes), compression, ackTimeoutMs);
      this.acknowledged(lanes);
    } catch (error) {
      this.failed(lanes, error);
    }
    this.out.delete(leader);
    this.pump();
  }

  private acknowledged(lanes: readonly Lane[]): void {
    const { metrics, outage } = this.options;
    for (const lane of lanes) {
      const { records, bytes } = lane.acknowledged();
      metrics.appended(lane.topic, records, bytes);
      this.failing.delete(lane);
    }
    if (this.failing.size === 0) outage.worked(clusterPart);
  }

  private failed(lanes: readonly Lane[], error: unknown): void {
    const why = refusal(error);
    const [only, ...others] = lanes;
    if (why && only && others.length === 0) {
      this.refused(only, why, error);
      return;
    }
    // kafkajs tells the error of one partition as that of the request: next time each gets its own.
    const isShared = others.length > 0 && isNamed(error, 'KafkaJSProtocolError');
    for (const lane of lanes) {
      lane.isBusy = true;
      lane.isAlone ||= isShared;
    }
    if (!why) {
      for (const lane of lanes) this.failing.add(lane);
      this.options.outage.failed(clusterPart, error);
      this.options.metrics.retried();
    }
    void this.recover(lanes, why ? 0 : Math.max(...lanes.map((lane) => lane.nextDelayMs(this.options.random))));
  }

  private refused(lane: Lane, why: 'too-large' | 'refused', cause: unknown): void {
    lane.refused(({ key, bytes }) => {
      const text = `the broker refuses a record of ${key}, ${bytes} bytes, for ${lane.topic}; see the topic's settings`;
      return new RejectedError(why, text, { cause });
    });
    this.failing.delete(lane);
    this.wakeIn(0);
  }

  /** Holds the lanes back until the cluster was asked where they go, and for a while. */
  private async recover(lanes: readonly Lane[], delayMs: number): Promise<void> {
    const { link, clock, aborted } = this.options;
    await Promise.all([link.recover(), clock.sleep(delayMs, aborted)]);
    this.leaderOf = undefined;
    for (const lane of lanes) lane.isBusy = false;
    this.pump();
  }

  private giveUp(): void {
    const error = new RetryableError('stopped', 'the event log was stopped before the records were acknowledged');
    for (const lane of this.lanes) lane.fail(error);
    this.idle.splice(0).forEach((resolve) => resolve());
  }
}

function topicsOf(lanes: readonly Lane[]): ProduceTopic[] {
  const topics = new Map<string, ProduceTopic>();
  for (const lane of lanes) {
    const found = topics.get(lane.topic) ?? { topic: lane.topic, partitions: [] };
    found.partitions.push({ partition: lane.partition, messages: lane.begin() });
    topics.set(lane.topic, found);
  }
  return [...topics.values()];
}
