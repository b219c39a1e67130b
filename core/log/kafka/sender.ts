import type { CompressionTypes } from 'kafkajs';
import { RejectedError, RetryableError } from '../../runtime/errors.js';
import type { Clock } from '../../runtime/clock.js';
import type { LogRecord } from '../log.js';
import type { LogMetrics } from '../log-metrics.js';
import type { Outage } from '../outage.js';
import type { ClusterLink } from './cluster-link.js';
import { type Lane, PendingAppend, queued } from './lane.js';
import type { KnownPartitions } from './partition-of.js';
import { type ProduceError, type ProduceResult, type ProduceTopic, refusal } from './produce.js';

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

/** The lanes of a topic's partitions, in their order, and which of them a key belongs to. */
export interface TopicLanes {
  readonly lanes: readonly Lane[];
  readonly partitions: KnownPartitions;
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

  /** Resolves when all records are acknowledged. */
  append({ lanes, partitions }: TopicLanes, records: readonly LogRecord[]): Promise<void> {
    return new Promise((resolve, reject) => {
      const append = new PendingAppend(records.length, resolve, reject);
      const nowMs = this.options.clock.monotonicMs();
      let dueInMs = Infinity;
      for (const record of records) {
        const lane = lanes[partitions.of(record.key)]!;
        lane.push(queued(record, append, nowMs));
        this.lanes.add(lane);
        dueInMs = Math.min(dueInMs, lane.dueInMs(nowMs, this.options.lingerMs));
      }
      this.wakeIn(dueInMs);
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
      const name = `${leader} ${compression}`;
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
      this.settle(
        lanes,
        await link.produce(leader, { topicData: topicsOf(lanes), compression, timeout: ackTimeoutMs }),
      );
    } catch (error) {
      this.failed(lanes, error);
    }
    this.out.delete(leader);
    this.pump();
  }

  private settle(lanes: readonly Lane[], results: readonly ProduceResult[]): void {
    const failures = new Map<Lane, ProduceError | undefined>();
    for (const lane of lanes) {
      const result = results.find(({ topic, partition }) => topic === lane.topic && partition === lane.partition);
      if (!result) throw new TypeError(`the broker's answer leaves out ${lane.topic}/${lane.partition}`);
      failures.set(lane, result.error);
    }
    const toRepeat: Lane[] = [];
    for (const [lane, error] of failures) {
      const why = error && refusal(error);
      if (why) this.refused(lane, why, error);
      else if (error) toRepeat.push(lane);
      else this.acknowledged(lane);
    }
    if (toRepeat.length > 0) this.failed(toRepeat, failures.get(toRepeat[0]!));
    else if (this.failing.size === 0) this.options.outage.worked(clusterPart);
  }

  private acknowledged(lane: Lane): void {
    const { records, bytes } = lane.acknowledged();
    this.options.metrics.appended(lane.topic, records, bytes);
    this.failing.delete(lane);
  }

  private refused(lane: Lane, why: 'too-large' | 'refused', cause: unknown): void {
    this.failing.delete(lane);
    lane.refused(({ record: { key }, bytes }) => {
      const text = `the broker refuses a record of ${key}, ${bytes} bytes, for ${lane.topic}; see the topic's settings`;
      return new RejectedError(why, text, { cause });
    });
  }

  private failed(lanes: readonly Lane[], error: unknown): void {
    for (const lane of lanes) {
      lane.isBusy = true;
      this.failing.add(lane);
    }
    this.options.outage.failed(clusterPart, error);
    this.options.metrics.retried();
    void this.recover(lanes);
  }

  /** Holds the lanes back until the cluster was asked where they go, and for a while. */
  private async recover(lanes: readonly Lane[]): Promise<void> {
    const { link, clock, aborted, random } = this.options;
    const delayMs = Math.max(...lanes.map((lane) => lane.nextDelayMs(random)));
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
    found.partitions.push({ partition: lane.partition, records: lane.begin() });
    topics.set(lane.topic, found);
  }
  return [...topics.values()];
}
