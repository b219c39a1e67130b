import type { LogRecord } from '#core/log/log.js';
import type { RejectedError } from '#core/runtime/errors.js';

export type AppendResult = 'stored' | 'ended' | RejectedError;

/** What one sender has for one topic. */
export interface SenderBatch {
  readonly records: readonly LogRecord[];
  /** Called once. */
  readonly done: (result: AppendResult) => void;
}

interface Partition {
  waiting: SenderBatch[];
  isBusy: boolean;
}

const maxRecords = 2000;
const maxBytes = 1024 * 1024;

/**
 * Joins the appends of senders whose records go to one partition of the log: what is in work for one partition waits for
 * it alone, and for each append there is one promise and not one for each sender. One append of a partition at a time.
 */
export class GatheredAppends {
  private readonly topics = new Map<string, Partition[]>();

  /** `append` never rejects. */
  constructor(private readonly append: (topic: string, records: readonly LogRecord[]) => Promise<AppendResult>) {}

  add(topic: string, index: number, batch: SenderBatch): void {
    let partitions = this.topics.get(topic);
    if (!partitions) this.topics.set(topic, (partitions = []));
    const partition = (partitions[index] ??= { waiting: [], isBusy: false });
    partition.waiting.push(batch);
    if (partition.isBusy) return;
    partition.isBusy = true;
    // After those of other senders in this turn.
    queueMicrotask(() => void this.run(topic, partition));
  }

  private async run(topic: string, partition: Partition): Promise<void> {
    while (partition.waiting.length > 0) {
      const batches = take(partition.waiting);
      const [only, ...others] = batches;
      const records = others.length === 0 ? only!.records : batches.flatMap((batch) => batch.records);
      const result = await this.append(topic, records);
      for (const { done } of batches) done(result);
    }
    partition.isBusy = false;
  }
}

/** The first batches that go in one append; at least one. */
function take(waiting: SenderBatch[]): SenderBatch[] {
  let [records, bytes] = [0, 0];
  const end = waiting.findIndex((batch, i) => {
    records += batch.records.length;
    for (const { value } of batch.records) bytes += value.byteLength;
    return i > 0 && (records > maxRecords || bytes > maxBytes);
  });
  return waiting.splice(0, end === -1 ? waiting.length : end);
}
