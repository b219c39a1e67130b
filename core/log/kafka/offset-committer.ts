import { setImmediate as nextTurn } from 'node:timers/promises';
import type { EachBatchPayload } from 'kafkajs';

type Commit = EachBatchPayload['commitOffsetsIfNecessary'];

interface Waiting {
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Gathers the commits of partitions that are done at about the same time into one request at a time. */
export class OffsetCommitter {
  private waiting: Waiting[] = [];
  private isRunning = false;

  /** `next` is the offset to read next. Rejects with what kafkajs must know, such as a rebalance. */
  commit(topic: string, partition: number, next: number, commit: Commit): Promise<void> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ topic, partition, offset: String(next), resolve, reject });
      if (!this.isRunning) void this.run(commit);
    });
  }

  private async run(commit: Commit): Promise<void> {
    this.isRunning = true;
    while (this.waiting.length > 0) {
      await nextTurn();
      const taken = this.waiting.splice(0);
      const topics = taken.map(({ topic, partition, offset }) => ({ topic, partitions: [{ partition, offset }] }));
      await commit({ topics: merged(topics) }).then(
        () => taken.forEach(({ resolve }) => resolve()),
        (error: unknown) => taken.forEach(({ reject }) => reject(error)),
      );
    }
    this.isRunning = false;
  }
}

type TopicCommit = { topic: string; partitions: { partition: number; offset: string }[] };

function merged(commits: readonly TopicCommit[]): TopicCommit[] {
  const topics = new Map<string, TopicCommit>();
  for (const { topic, partitions } of commits) {
    const found = topics.get(topic);
    if (found) found.partitions.push(...partitions);
    else topics.set(topic, { topic, partitions: [...partitions] });
  }
  return [...topics.values()];
}
