import type { EachBatchPayload } from 'kafkajs';
import { RetryableError } from '../../runtime/errors.js';
import type { Clock } from '../../runtime/clock.js';
import { retryDelays } from '../../runtime/retry.js';
import type { GroupOptions, StoredRecord } from '../log.js';
import type { LogMetrics } from '../log-metrics.js';
import { OffsetCommitter } from './offset-committer.js';
import { storedRecord } from './stored-record.js';

export interface BatchHandlerOptions {
  readonly group: GroupOptions;
  readonly clock: Clock;
  readonly random: () => number;
  readonly metrics: LogMetrics;
  readonly stopping: AbortSignal;
  /** Aborted when the batches in work do not count any more. */
  readonly forced: AbortSignal;
  readonly maxBatchRecords: number;
}

/** What a consumer rejected in one partition, and when it is handed out again. */
interface Rejected {
  readonly records: readonly StoredRecord[];
  readonly delays: Iterator<number, never>;
}

const redelivery = { firstMs: 100, maxMs: 10_000 };

/** Hands fetched records to a group's consumer, commits what it took, and repeats what it rejected. */
export class BatchHandler {
  private readonly rejected = new Map<string, Rejected>();
  private readonly committer = new OffsetCommitter();
  private working = 0;

  constructor(private readonly options: BatchHandlerOptions) {}

  /** Whether a batch is with the consumer now. */
  get isWorking(): boolean {
    return this.working > 0;
  }

  /** kafkajs's `eachBatch`: throws only what kafkajs must know, such as a commit that failed. */
  readonly handle = async (payload: EachBatchPayload): Promise<void> => {
    const { batch, isRunning, isStale } = payload;
    const place = `${batch.topic}/${batch.partition}`;
    for (const records of this.portions(place, batch.messages.map(storedRecord))) {
      if (!isRunning() || isStale()) return;
      if (!(await this.handOut(place, payload, records))) {
        await this.pause(place, payload, records);
        return;
      }
      await this.commit(payload, records.at(-1)!.offset);
    }
  };

  /** What was rejected comes again as it was; the rest in portions. */
  private portions(place: string, fetched: StoredRecord[]): (readonly StoredRecord[])[] {
    const again = this.rejected.get(place)?.records;
    const isSame = again !== undefined && again[0]?.offset === fetched[0]?.offset;
    // Another member may have dealt with it in between.
    if (!isSame) this.rejected.delete(place);
    const portions: (readonly StoredRecord[])[] = isSame ? [again] : [];
    const done = portions[0]?.at(-1)?.offset ?? -1;
    const rest = fetched.filter(({ offset }) => offset > done);
    const { maxBatchRecords } = this.options;
    for (let i = 0; i < rest.length; i += maxBatchRecords) portions.push(rest.slice(i, i + maxBatchRecords));
    return portions;
  }

  private async handOut(
    place: string,
    { batch, heartbeat }: EachBatchPayload,
    records: readonly StoredRecord[],
  ): Promise<boolean> {
    const { group, metrics } = this.options;
    const { topic, partition } = batch;
    // Whether the group goes on without this member is seen at the commit; the batch in work is not to fail for that.
    const alive = (): Promise<void> => heartbeat().catch(() => undefined);
    this.working += 1;
    try {
      await group.onBatch({ topic, partition, records }, alive);
    } catch (error) {
      metrics.redeliver(group.group);
      group.onError?.(error);
      return false;
    } finally {
      this.working -= 1;
    }
    this.rejected.delete(place);
    return true;
  }

  private async commit(payload: EachBatchPayload, offset: number): Promise<void> {
    if (this.options.forced.aborted) throw new RetryableError('stopped', 'the batch was given up');
    const { topic, partition } = payload.batch;
    payload.resolveOffset(String(offset));
    await this.committer.commit(topic, partition, offset + 1, payload.commitOffsetsIfNecessary);
    await payload.heartbeat();
  }

  /** Not resolved, the records are fetched again when the partition goes on; the other partitions go on meanwhile. */
  private async pause(place: string, payload: EachBatchPayload, records: readonly StoredRecord[]): Promise<void> {
    const { clock, random, stopping } = this.options;
    const delays = this.rejected.get(place)?.delays ?? retryDelays(redelivery, random);
    this.rejected.set(place, { records, delays });
    const resume = payload.pause();
    void clock.sleep(delays.next().value, stopping).then(resume);
    await payload.heartbeat();
  }
}
