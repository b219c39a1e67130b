import kafkajs, { type Broker, type Cluster } from 'kafkajs';
import { messageOf, RetryableError } from '../../runtime/errors.js';
import { type KafkaClient, type KafkaConnection, newClient } from './connection.js';
import { isNamed, kafkaError } from './kafka-error.js';
import { produce, type ProduceRequest, type ProduceResult } from './produce.js';

interface Opened {
  readonly client: KafkaClient;
  readonly cluster: Cluster;
}

/**
 * A connection to the cluster below kafkajs's producer and consumer, which decide on retries and offsets by
 * themselves: here a request is sent once, to the broker that leads the partitions, and fails or does not.
 * Every method throws RetryableError where the same call may succeed after `recover`.
 */
export class ClusterLink {
  private opened: Promise<Opened> | undefined;
  private client: KafkaClient | undefined;
  private recovering: Promise<void> | undefined;
  private isClosed = false;
  private readonly topics: Set<string>;

  constructor(
    private readonly connection: KafkaConnection,
    topics: Iterable<string> = [],
  ) {
    this.topics = new Set(topics);
  }

  /** Connects if need be, and learns the leaders. */
  async use<T>(what: string, work: (cluster: Cluster) => Promise<T>): Promise<T> {
    if (this.isClosed) throw new RetryableError('stopped', 'the connection to Kafka was closed');
    try {
      const { cluster } = await (this.opened ??= this.open());
      return await work(cluster);
    } catch (error) {
      throw kafkaError(what, error);
    }
  }

  /** Partitions of a topic. */
  partitions(topic: string): Promise<number> {
    return this.use(`partitions of ${topic}`, async (cluster) => {
      await cluster.addMultipleTargetTopics([topic]);
      this.topics.add(topic);
      const { length } = cluster.findTopicPartitionMetadata(topic);
      if (length === 0) throw new Error('no metadata');
      return length;
    });
  }

  /** The leaders as they are known, by `leaderOf(topic, partition)`; undefined where there is none. */
  async leaders(): Promise<(topic: string, partition: number) => string | undefined> {
    const { cluster } = await this.use('leaders', async (cluster) => ({ cluster }));
    return (topic, partition) => {
      const leader = cluster
        .findTopicPartitionMetadata(topic)
        .find(({ partitionId }) => partitionId === partition)?.leader;
      return leader === undefined || leader < 0 ? undefined : String(leader);
    };
  }

  async broker(nodeId: string): Promise<Broker> {
    return this.use(`broker ${nodeId}`, (cluster) => cluster.findBroker({ nodeId }));
  }

  /** One request to one broker; throws RetryableError if it is not known what became of it. */
  async produce(nodeId: string, request: ProduceRequest): Promise<ProduceResult[]> {
    const broker = await this.broker(nodeId);
    return produce(broker, request).catch((error: unknown) => {
      // The answer may still come, and what is sent behind it would wait for it: such a connection is of no use.
      if (isNamed(error, 'KafkaJSRequestTimeoutError')) this.reset(broker);
      throw kafkaError(`produce to broker ${nodeId}`, error);
    });
  }

  /** After a failure: learns the leaders anew, and if that fails, too, begins with new connections. Never throws. */
  recover(): Promise<void> {
    this.recovering ??= this.refresh().finally(() => (this.recovering = undefined));
    return this.recovering;
  }

  /** Asks the cluster for its metadata. */
  ping(): Promise<void> {
    return this.use('metadata', (cluster) => cluster.refreshMetadata());
  }

  close(): void {
    this.isClosed = true;
    this.drop();
  }

  private async refresh(): Promise<void> {
    await this.ping().catch((error: unknown) => {
      // A partition without a leader makes kafkajs refuse all metadata; the others' leaders are still right.
      if (isNamed(error, 'KafkaJSProtocolError')) return;
      this.connection.logger.debug({ error: messageOf(error) }, 'new connections to Kafka');
      this.drop();
    });
  }

  private reset(broker: Broker): void {
    const { connectionPool } = broker as unknown as { connectionPool: { host: string; port: number } };
    this.client?.reset(connectionPool);
  }

  private drop(): void {
    this.client?.reset();
    this.client = undefined;
    this.opened = undefined;
  }

  private async open(): Promise<Opened> {
    const client = newClient(this.connection);
    this.client = client;
    try {
      const cluster = clusterOf(client, this.connection.clientId);
      await cluster.connect();
      await cluster.addMultipleTargetTopics([...this.topics]);
      return { client, cluster };
    } catch (error) {
      if (this.client === client) this.drop();
      throw error;
    }
  }
}

/** kafkajs gives its cluster to the assigners of a consumer, and to nobody else. The consumer is never run. */
function clusterOf({ kafka }: KafkaClient, groupId: string): Cluster {
  let found: Cluster | undefined;
  kafka.consumer({
    groupId,
    allowAutoTopicCreation: false,
    partitionAssigners: [
      (config) => {
        found = config.cluster;
        return kafkajs.PartitionAssigners.roundRobin(config);
      },
    ],
  });
  if (!found) throw new TypeError('kafkajs gave no cluster to its assigner');
  return found;
}
