import { RetryableError } from '../../runtime/errors.js';
import type { PartitionBounds, StoredRecord } from '../log.js';
import { Mutex } from '../../runtime/mutex.js';
import { ClusterLink } from './cluster-link.js';
import type { KafkaConnection } from './connection.js';
import { type FetchLimits, fetchNext } from './fetch.js';
import { kafkaError } from './kafka-error.js';

/**
 * Reads at given offsets, without a group. A broker answers the requests of a connection in turn and a fetch may wait,
 * so this has connections of its own, made at first use, and reads one thing at a time.
 */
export class LogReader {
  private readonly link: ClusterLink;
  private readonly turns = new Mutex();

  constructor(
    connection: KafkaConnection,
    private readonly limits: FetchLimits,
  ) {
    this.link = new ClusterLink(connection);
  }

  /** Throws RetryableError. */
  bounds(topic: string): Promise<readonly PartitionBounds[]> {
    return this.turns.run(() => this.trying(`bounds of ${topic}`, () => this.find(topic)));
  }

  /** Throws RetryableError. */
  read(topic: string, partition: number, fromOffset: number, maxRecords: number): Promise<readonly StoredRecord[]> {
    return this.turns.run(() =>
      this.trying(`reading ${topic}/${partition}`, async () => {
        const bounds = (await this.find(topic)).find((one) => one.partition === partition);
        return bounds ? this.fetch(topic, bounds, fromOffset, maxRecords) : [];
      }),
    );
  }

  close(): void {
    this.link.close();
  }

  private async fetch(
    topic: string,
    { partition, first, next: end }: PartitionBounds,
    fromOffset: number,
    maxRecords: number,
  ): Promise<readonly StoredRecord[]> {
    const leader = (await this.link.leaders())(topic, partition);
    if (leader === undefined) throw new RetryableError('unavailable', `${topic}/${partition} has no leader`);
    const broker = await this.link.broker(leader);
    const place = { topic, partition, end, position: Math.max(first, fromOffset) };
    while (place.position < end) {
      const [fetched] = await fetchNext(broker, [place], this.limits);
      if (fetched && fetched.records.length > 0) return fetched.records.slice(0, maxRecords);
      place.position = fetched?.next ?? place.position;
    }
    return [];
  }

  private async find(topic: string): Promise<PartitionBounds[]> {
    const count = await this.link.partitions(topic);
    const partitions = Array.from({ length: count }, (_, partition) => ({ partition }));
    const offsets = (fromBeginning: boolean): Promise<Map<number, number>> =>
      this.link.use(`offsets of ${topic}`, async (cluster) => {
        const [found] = await cluster.fetchTopicsOffset([{ topic, partitions, fromBeginning }]);
        return new Map(found?.partitions.map(({ partition, offset }) => [partition, Number(offset)]));
      });
    const [firsts, nexts] = [await offsets(true), await offsets(false)];
    return partitions.map(({ partition }) => {
      const next = nexts.get(partition) ?? 0;
      return { partition, next, first: Math.min(firsts.get(partition) ?? next, next) };
    });
  }

  private async trying<T>(what: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      await this.link.recover();
      throw kafkaError(what, error);
    }
  }
}
