import kafkajs, { type Cluster, type Consumer, type EachBatchHandler } from 'kafkajs';
import type { Clock } from '../../runtime/clock.js';
import { type KafkaClient, type KafkaConnection, newClient } from './connection.js';
import { guardOffsets } from './offset-guard.js';

export interface ConsumerSettings {
  /** A member that says nothing for so long is taken for dead. */
  readonly sessionTimeoutMs: number;
  /** The most compressed bytes that one answer of a broker brings. */
  readonly maxFetchBytes: number;
  readonly maxFetchBytesPerPartition: number;
}

export interface ConsumerSessionOptions {
  readonly connection: KafkaConnection;
  readonly group: string;
  readonly topics: readonly string[];
  readonly settings: ConsumerSettings;
  readonly eachBatch: EachBatchHandler;
  /** Whether a batch is in work: then the consumer has a reason to be silent. */
  readonly isWorking: () => boolean;
  readonly onJoin: () => void;
  readonly clock: Clock;
}

/** How long a broker holds a question for records that are not there yet. Paused partitions come back after it. */
const maxWaitMs = 500;
const heartbeatMs = 3000;
const partitionsAtOnce = 64;
/** The coordinator of a group may take a second to be there. */
const retries = 5;
const watchMs = 5000;
/** A consumer asks every half second: one that is silent for so long waits for something that never comes. */
const silentMs = 60_000;

/** One life of kafkajs's consumer, from its start to whatever ends it. */
export class ConsumerSession {
  private readonly client: KafkaClient;
  private readonly consumer: Consumer;
  private cluster: Cluster | undefined;
  private memberId: string | undefined;
  private signMs: number;
  private readonly over = new AbortController();

  constructor(private readonly options: ConsumerSessionOptions) {
    this.signMs = options.clock.monotonicMs();
    this.client = newClient(options.connection, Math.max(retries, options.connection.brokers.length - 1));
    this.consumer = this.newConsumer();
  }

  /** Resolves with why it ended: with nothing after `stopping`. Then it has left the group and no connection is open. */
  async run(stopping: AbortSignal): Promise<unknown> {
    const ended = this.ended(stopping);
    try {
      await this.consumer.connect();
      await this.consumer.subscribe({ topics: [...this.options.topics], fromBeginning: true });
      await this.consumer.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        partitionsConsumedConcurrently: partitionsAtOnce,
        eachBatch: this.options.eachBatch,
      });
      return await ended;
    } catch (error) {
      return error;
    } finally {
      this.over.abort();
      // Where nothing is to be finished, nothing is waited for.
      if (!stopping.aborted) this.client.reset();
      await this.consumer.disconnect().catch(() => undefined);
      this.client.reset();
    }
  }

  /** Leaves the group although a batch is in work, so that another member need not wait for this one's time-out. */
  async force(): Promise<void> {
    const { group } = this.options;
    const leave = async (): Promise<void> => {
      const coordinator = await this.cluster?.findGroupCoordinator({ groupId: group });
      await (coordinator as Partial<CanLeave> | undefined)?.leaveGroup?.({
        groupId: group,
        memberId: this.memberId ?? '',
      });
    };
    await Promise.race([leave().catch(() => undefined), this.options.clock.sleep(1000)]);
    this.client.reset();
  }

  private newConsumer(): Consumer {
    const { group, settings } = this.options;
    return this.client.kafka.consumer({
      groupId: group,
      sessionTimeout: settings.sessionTimeoutMs,
      heartbeatInterval: Math.min(heartbeatMs, settings.sessionTimeoutMs / 3),
      maxWaitTimeInMs: maxWaitMs,
      maxBytes: settings.maxFetchBytes,
      maxBytesPerPartition: settings.maxFetchBytesPerPartition,
      allowAutoTopicCreation: false,
      retry: { retries, restartOnFailure: () => Promise.resolve(false) },
      partitionAssigners: [
        (config) => {
          this.cluster = config.cluster;
          guardOffsets(config.cluster);
          return kafkajs.PartitionAssigners.roundRobin(config);
        },
      ],
    });
  }

  private ended(stopping: AbortSignal): Promise<unknown> {
    const { consumer } = this;
    const { events } = consumer;
    const sign = (): void => void (this.signMs = this.options.clock.monotonicMs());
    consumer.on(events.FETCH_START, sign);
    consumer.on(events.REQUEST, sign);
    consumer.on(events.REQUEST_TIMEOUT, sign);
    consumer.on(events.END_BATCH_PROCESS, sign);
    consumer.on(events.GROUP_JOIN, ({ payload }) => {
      sign();
      this.memberId = payload.memberId;
      this.options.onJoin();
    });
    // A consumer that ends says so before it waits for answers that may never come.
    consumer.on(events.STOP, () => !stopping.aborted && this.client.reset());
    return new Promise((resolve) => {
      const stop = (): void => resolve(undefined);
      stopping.addEventListener('abort', stop);
      this.over.signal.addEventListener('abort', () => stopping.removeEventListener('abort', stop));
      if (stopping.aborted) stop();
      consumer.on(events.CRASH, ({ payload }) => resolve(payload.error));
      void this.silence().then(resolve);
    });
  }

  /** Resolves when the consumer has said nothing for too long. */
  private async silence(): Promise<unknown> {
    const { clock, isWorking } = this.options;
    while (!this.over.signal.aborted) {
      await clock.sleep(watchMs, this.over.signal);
      if (isWorking()) this.signMs = clock.monotonicMs();
      if (clock.monotonicMs() - this.signMs < silentMs) continue;
      this.client.reset();
      return new Error(`the consumer was silent for ${silentMs} ms`);
    }
    return undefined;
  }
}

/** kafkajs's broker has it, its types do not. */
interface CanLeave {
  leaveGroup(request: { groupId: string; memberId: string }): Promise<unknown>;
}
