import { retryDelays } from '../../runtime/retry.js';
import type { GroupOptions, LogBatch } from '../log.js';
import type { GroupOffsets } from './group-offsets.js';
import type { LocalTopic } from './local-topic.js';
import type { Mutex } from '../../runtime/mutex.js';
import { type ReaderContext, Stopping, untilDone } from './reader.js';

export interface GroupReaderOptions {
  readonly topic: LocalTopic;
  readonly group: GroupOptions;
  readonly offsets: GroupOffsets;
  readonly context: ReaderContext;
  /** One member of a group at a time reads a topic; the others stand by. */
  readonly turn: Mutex;
}

const redelivery = { firstMs: 100, maxMs: 10_000 };
const alive = (): Promise<void> => Promise.resolve();

/** Hands a topic to a group, batch after batch, and commits what was taken. */
export class GroupReader {
  private readonly stopping = new Stopping();
  private done: Promise<void> = Promise.resolve();

  constructor(private readonly options: GroupReaderOptions) {}

  start(): void {
    this.done = this.options.turn
      .run(() => this.read())
      .catch((error: unknown) => {
        if (!this.stopping.signal.aborted) this.options.group.onError?.(error);
      });
  }

  stop(deadlineMs: number): Promise<void> {
    return this.stopping.stop(this.done, deadlineMs, this.options.context.clock);
  }

  private async read(): Promise<void> {
    const { topic, context, offsets, group } = this.options;
    const { signal } = this.stopping;
    const part = `${topic.name}, reading`;
    let position = offsets.get(group.group, topic.name) ?? topic.first;
    while (!signal.aborted) {
      const from = position;
      const { records, next } = await untilDone(context, part, signal, () => topic.read(from, context.limits));
      if (records.length > 0) {
        if (!(await this.handOut({ topic: topic.name, partition: 0, records }))) return;
        await this.commit(next);
      } else if (next === from) await topic.grown(from, signal);
      position = next;
    }
  }

  /** False if the reader was stopped before the batch was taken. */
  private async handOut(batch: LogBatch): Promise<boolean> {
    const { group, context } = this.options;
    for (const delayMs of retryDelays(redelivery, context.random)) {
      try {
        await group.onBatch(batch, alive);
        break;
      } catch (error) {
        context.metrics.redeliver(group.group);
        group.onError?.(error);
      }
      await context.clock.sleep(delayMs, this.stopping.signal);
      if (this.stopping.signal.aborted) return false;
    }
    return !this.stopping.forced.aborted;
  }

  private commit(offset: number): Promise<void> {
    const { topic, context, offsets, group } = this.options;
    const store = (): Promise<void> => offsets.commit(group.group, topic.name, offset);
    return untilDone(context, 'group offsets', this.stopping.forced, store);
  }
}
