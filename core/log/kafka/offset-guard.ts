import type { Broker, Cluster } from 'kafkajs';

type Commit = Broker['offsetCommit'];

/** The log does not hold the offset that a group would read next. */
export class OffsetWasLost extends Error {
  override readonly name = 'OffsetWasLost';
  /** Read by kafkajs: its retries would only ask again. */
  readonly retriable = false;

  constructor(
    readonly topic: string,
    readonly partition: number,
    /** False for a group that has committed nothing there: it still is at the beginning, wherever that is now. */
    readonly wasCommitted: boolean,
  ) {
    super(`the offset of ${topic}/${partition} is out of range`);
  }
}

/**
 * Keeps a consumer's cluster from jumping. When a broker says that an offset is out of range, kafkajs commits "the
 * earliest" as the offset of the group, goes on from there, and no setting prevents it. That commit is its only one
 * with a negative offset; here it throws {@link OffsetWasLost} instead, before anything is committed.
 */
export function guardOffsets(cluster: Cluster): void {
  const find = cluster.findBroker.bind(cluster);
  const guarded = new WeakSet<Broker>();
  // kafkajs gets the brokers that it commits to by this method of this object, and by no other way.
  cluster.findBroker = async (node) => {
    const broker = await find(node);
    if (!guarded.has(broker)) {
      guarded.add(broker);
      broker.offsetCommit = refuseJumps(broker, broker.offsetCommit.bind(broker));
    }
    return broker;
  };
}

function refuseJumps(broker: Broker, commit: Commit): Commit {
  return async (request) => {
    for (const { topic, partitions } of request.topics) {
      const lost = partitions.find(({ offset }) => Number(offset) < 0);
      if (lost)
        throw new OffsetWasLost(topic, lost.partition, await hasCommitted(broker, request.groupId, topic, lost));
    }
    return commit(request) as unknown;
  };
}

async function hasCommitted(
  broker: Broker,
  groupId: string,
  topic: string,
  { partition }: { partition: number },
): Promise<boolean> {
  // `offset` is not part of the question, whatever the types say.
  const { responses } = await broker.offsetFetch({
    groupId,
    topics: [{ topic, partitions: [{ partition, offset: '' }] }],
  });
  return Number(responses[0]?.partitions[0]?.offset ?? -1) >= 0;
}

/** The OffsetWasLost in a chain of causes. */
export function lostOffset(error: unknown): OffsetWasLost | undefined {
  for (let e = error; e instanceof Error; e = e.cause) if (e instanceof OffsetWasLost) return e;
  return undefined;
}
