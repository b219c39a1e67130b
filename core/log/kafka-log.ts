import kafkajs from 'kafkajs';
import type { Registry } from 'prom-client';
import type { TopicSpec } from '../contract/log-topics.js';
import type { Clock } from '../runtime/clock.js';
import { RejectedError, RetryableError } from '../runtime/errors.js';
import { retry, retryDelays } from '../runtime/retry.js';
import { AdminLink } from './kafka/admin-link.js';
import { ClusterLink } from './kafka/cluster-link.js';
import { defaultRequestTimeoutMs, type KafkaConnection } from './kafka/connection.js';
import { GroupConsumer } from './kafka/group-consumer.js';
import { groupLag } from './kafka/group-lag.js';
import { KafkaTail } from './kafka/kafka-tail.js';
import { Lane } from './kafka/lane.js';
import { registerLz4 } from './kafka/lz4.js';
import { KnownPartitions } from './kafka/partition-of.js';
import { clusterPart, Sender, type TopicLanes } from './kafka/sender.js';
import { tameTimers } from './kafka/tame-timers.js';
import { createTopics } from './kafka/topic-settings.js';
import { LogReader } from './kafka/log-reader.js';
import type {
  EventLog,
  GroupOptions,
  LogRecord,
  PartitionBounds,
  StoredRecord,
  Subscription,
  Tail,
  TailOptions,
} from './log.js';
import { LogMetrics } from './log-metrics.js';
import { Outage } from './outage.js';
import { checkedBytes } from './record-limits.js';

export interface KafkaLogOptions extends KafkaConnection {
  readonly clock: Clock;
  readonly registry?: Registry;
  /** Yields [0, 1). */
  readonly random?: () => number;
  /** Hears of a topic whose settings are not those of its specification. */
  readonly onError?: (error: unknown) => void;
  /** Copies of each partition: 3 if there are three brokers to begin with, else 1. */
  readonly replication?: number;
  /** The most bytes of a batch of one partition: 128 KiB; a single record may be larger. */
  readonly maxBatchBytes?: number;
  /** How long a batch waits for more records while its broker has nothing to do: 5 ms. They gather while it has. */
  readonly lingerMs?: number;
  /** A consumer that says nothing for so long is taken for dead, and others take its partitions: 30 s. */
  readonly sessionTimeoutMs?: number;
  /** The most compressed bytes that one answer of a broker brings: 4 MiB, and of one partition 512 KiB. */
  readonly maxFetchBytes?: number;
  readonly maxFetchBytesPerPartition?: number;
  /** The most records of a batch handed to a reader: 500. */
  readonly maxBatchRecords?: number;
  /** How often the cluster is asked whether it is there while nothing is appended: 5 s. */
  readonly healthMs?: number;
}

const ensureRetry = { firstMs: 200, maxMs: 5000 };

/** The event log in Apache Kafka 2.1 or later, by kafkajs without its idempotent producer. */
export class KafkaLog implements EventLog {
  private readonly metrics: LogMetrics;
  private readonly outage: Outage;
  private readonly topics = new Map<string, Promise<TopicLanes>>();
  /** Those of the topics that are there by now. */
  private readonly known = new Map<string, TopicLanes>();
  private readonly readers = new Set<Subscription>();
  private running: Running | undefined;

  constructor(private readonly options: KafkaLogOptions) {
    this.outage = new Outage('Kafka', options.logger);
    this.metrics = new LogMetrics(options.registry, {
      healthy: () => this.healthy(),
      waitingRecords: () => this.running?.sender.waitingRecords ?? 0,
    });
  }

  /** Does not wait for Kafka to be there. */
  async start(): Promise<void> {
    if (this.running) return;
    registerLz4();
    tameTimers();
    this.running = this.begin();
  }

  /** Waits for acknowledgements and batches in work; what is not done at `deadlineMs` is given up. */
  async stop(deadlineMs: number): Promise<void> {
    const { running, options } = this;
    if (!running) return;
    this.running = undefined;
    running.stopping.abort();
    const readers = Promise.all([...this.readers].map((reader) => reader.stop(deadlineMs)));
    const drained = running.sender.drain();
    await Promise.race([drained, options.clock.sleep(deadlineMs, running.forced.signal)]);
    running.forced.abort();
    await drained;
    await readers;
    await running.watching;
    running.link.close();
    running.reader.close();
    await running.admin.close();
    this.topics.clear();
    this.known.clear();
  }

  /** Waits until the cluster is there. */
  async ensureTopics(specs: readonly TopicSpec[]): Promise<void> {
    const running = this.need();
    const created = this.create(running, specs);
    for (const spec of specs) {
      if (this.topics.has(spec.name)) continue;
      const lanes = created.then(async () => {
        const found = await this.lanes(running, spec);
        this.known.set(spec.name, found);
        return found;
      });
      lanes.catch(() => this.topics.delete(spec.name));
      this.topics.set(spec.name, lanes);
    }
    await Promise.all([created, ...specs.map(({ name }) => this.topics.get(name) ?? created)]);
  }

  async append(topic: string, records: readonly LogRecord[]): Promise<void> {
    const { sender, stopping } = this.need();
    checkedBytes(topic, records);
    const lanes = await this.topics.get(topic);
    if (!lanes) throw new RejectedError('refused', `no topic ${topic} was ensured`);
    if (stopping.signal.aborted) throw stopped();
    if (records.length > 0) await sender.append(lanes, records);
  }

  partitionOf(topic: string, key: string): number | undefined {
    return this.known.get(topic)?.partitions.of(key);
  }

  async subscribe(group: GroupOptions): Promise<Subscription> {
    this.need();
    const { options, metrics } = this;
    const consumer = new GroupConsumer({
      connection: options,
      group,
      metrics,
      clock: options.clock,
      random: options.random ?? Math.random,
      logger: options.logger,
      settings: { sessionTimeoutMs: options.sessionTimeoutMs ?? 30_000, ...this.fetchLimits() },
      maxBatchRecords: options.maxBatchRecords ?? 500,
    });
    consumer.start();
    return this.keep((deadlineMs) => consumer.stop(deadlineMs));
  }

  /** Waits until the cluster is there. */
  async tail(tail: TailOptions): Promise<Tail> {
    this.need();
    const { options } = this;
    const reader = new KafkaTail({
      link: new ClusterLink(options),
      tail,
      limits: this.fetchLimits(),
      maxBatchRecords: options.maxBatchRecords ?? 500,
      clock: options.clock,
      random: options.random ?? Math.random,
      logger: options.logger,
    });
    const kept = this.keep((deadlineMs) => reader.stop(deadlineMs));
    await reader.start().catch(async (error: unknown) => {
      await kept.stop(0);
      throw error;
    });
    return { caughtUp: reader.caughtUp, ...kept };
  }

  async bounds(topic: string): Promise<readonly PartitionBounds[]> {
    return this.need().reader.bounds(topic);
  }

  async read(
    topic: string,
    partition: number,
    fromOffset: number,
    maxRecords: number,
  ): Promise<readonly StoredRecord[]> {
    return this.need().reader.read(topic, partition, fromOffset, maxRecords);
  }

  async lag(group: string, topics: readonly string[]): Promise<number> {
    return this.need().admin.use(`lag of ${group}`, (admin) => groupLag(admin, group, topics));
  }

  healthy(): boolean {
    return this.running !== undefined && this.running.wasThere && this.outage.over;
  }

  private begin(): Running {
    const { options, outage, metrics } = this;
    const [stopping, forced] = [new AbortController(), new AbortController()];
    const link = new ClusterLink(options);
    const sender = new Sender({
      link,
      outage,
      metrics,
      clock: options.clock,
      random: options.random ?? Math.random,
      lingerMs: options.lingerMs ?? 5,
      // The broker is to give up first: its answer says what became of the batch.
      ackTimeoutMs: Math.ceil((options.requestTimeoutMs ?? defaultRequestTimeoutMs) * 0.7),
      aborted: forced.signal,
    });
    const admin = new AdminLink(options);
    const reader = new LogReader(options, this.fetchLimits());
    const running: Running = {
      link,
      sender,
      admin,
      reader,
      stopping,
      forced,
      wasThere: false,
      watching: Promise.resolve(),
    };
    running.watching = this.watch(running);
    return running;
  }

  /** Notices that the cluster is away, or back, while nothing is appended. */
  private async watch(running: Running): Promise<void> {
    const { clock, healthMs = 5000 } = this.options;
    const { signal } = running.stopping;
    while (!signal.aborted) {
      await running.link.ping().then(
        () => this.isThere(running),
        async (error: unknown) => {
          if (!signal.aborted) this.outage.failed(clusterPart, error);
          await running.link.recover();
        },
      );
      await clock.sleep(this.outage.over ? healthMs : Math.min(healthMs, 1000), signal);
    }
  }

  private create(running: Running, specs: readonly TopicSpec[]): Promise<void> {
    const { brokers, replication = brokers.length >= 3 ? 3 : 1, logger, onError } = this.options;
    return this.untilThere(running, async () => {
      const wrong = await running.admin.use('topics', (admin) => createTopics(admin, specs, replication));
      for (const error of wrong) {
        logger.warn({ error: error.message }, 'a topic has other settings than asked for');
        onError?.(error);
      }
    });
  }

  private async lanes(running: Running, { name, compression }: TopicSpec): Promise<TopicLanes> {
    const { LZ4, None } = kafkajs.CompressionTypes;
    const codec = compression === 'lz4' ? LZ4 : None;
    const count = await this.untilThere(running, () => running.link.partitions(name));
    const { maxBatchBytes = 131_072 } = this.options;
    const lanes = Array.from({ length: count }, (_, partition) => new Lane(name, partition, codec, maxBatchBytes));
    return { lanes, partitions: new KnownPartitions(count) };
  }

  private async untilThere<T>(running: Running, operation: () => Promise<T>): Promise<T> {
    const { clock, random = Math.random } = this.options;
    const { signal } = running.stopping;
    const result = await retry(operation, {
      clock,
      signal,
      delays: retryDelays(ensureRetry, random),
      onRetry: (error) => this.outage.failed(clusterPart, error),
    });
    this.isThere(running);
    return result;
  }

  private isThere(running: Running): void {
    running.wasThere = true;
    // A partition may be away while the cluster is not.
    if (!running.sender.isFailing) this.outage.worked(clusterPart);
  }

  private fetchLimits(): { maxFetchBytes: number; maxFetchBytesPerPartition: number } {
    const { maxFetchBytes = 4 * 1_048_576, maxFetchBytesPerPartition = 524_288 } = this.options;
    return { maxFetchBytes, maxFetchBytesPerPartition };
  }

  private need(): Running {
    if (!this.running) throw stopped();
    return this.running;
  }

  private keep(stop: (deadlineMs: number) => Promise<void>): Subscription {
    const reader: Subscription = {
      stop: async (deadlineMs) => {
        await stop(deadlineMs);
        this.readers.delete(reader);
      },
    };
    this.readers.add(reader);
    return reader;
  }
}

/** What there is between `start` and `stop`. */
interface Running {
  readonly link: ClusterLink;
  readonly sender: Sender;
  readonly admin: AdminLink;
  readonly reader: LogReader;
  readonly stopping: AbortController;
  readonly forced: AbortController;
  watching: Promise<void>;
  /** Whether the cluster has answered at all. */
  wasThere: boolean;
}

function stopped(): RetryableError {
  return new RetryableError('stopped', 'the event log is not running');
}
