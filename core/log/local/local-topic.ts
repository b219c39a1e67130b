import { FatalError, RetryableError } from '../../runtime/errors.js';
import { retry, retryDelays } from '../../runtime/retry.js';
import type { LogRecord } from '../log.js';
import type { LogMetrics } from '../log-metrics.js';
import type { Outage } from '../outage.js';
import type { Clock } from '../../runtime/clock.js';
import { AppendQueue } from './append-queue.js';
import { Growth } from './growth.js';
import { Recent } from './recent.js';
import { encodeRecord } from './record-codec.js';
import type { Entry, ReadLimits, ReadResult, TopicStore } from './topic-store.js';

export interface LocalTopicOptions {
  readonly clock: Clock;
  readonly random: () => number;
  readonly outage: Outage;
  readonly metrics: LogMetrics;
  readonly recentBytes: number;
  /** Aborted when the log's time to stop is over. */
  readonly aborted: AbortSignal;
}

const writeRetry = { firstMs: 20, maxMs: 2000 };

/** One topic: appends in commits, readers that are woken by them. */
export class LocalTopic {
  private readonly recent: Recent;
  private readonly queue = new AppendQueue((records, bytes) => this.commit(records, bytes));
  private readonly growth = new Growth();
  private published = 0;

  constructor(
    readonly name: string,
    private readonly store: TopicStore,
    private readonly options: LocalTopicOptions,
  ) {
    this.recent = new Recent(options.recentBytes);
  }

  get first(): number {
    return this.store.first;
  }

  /** Behind the last record that readers may see. */
  get next(): number {
    return this.published;
  }

  get waitingRecords(): number {
    return this.queue.waitingRecords;
  }

  async open(): Promise<void> {
    await this.store.open();
    this.published = this.store.next;
  }

  /** Resolves when all are durable; keeps trying while the disk is full or fails. `bytes` is their size. */
  append(records: readonly LogRecord[], bytes: number): Promise<void> {
    return this.queue.append(records, bytes);
  }

  /** Throws FatalError `offset-out-of-range` where the offset is not kept any more, or was never given. */
  async read(from: number, limits: ReadLimits): Promise<ReadResult> {
    if (from < this.first || from > this.next) {
      throw new FatalError(
        'offset-out-of-range',
        `offset ${from} of ${this.name} is not kept: the log holds ${this.first} to ${this.next}; ` +
          'records were lost to this reader, see to what they fed, then set its offset',
      );
    }
    const records = this.recent.read(from, limits);
    if (!records) return this.store.read(from, limits);
    return { records, next: from + records.length };
  }

  /** Resolves when there is something at `offset`, or when `signal` aborts. */
  grown(offset: number, signal: AbortSignal): Promise<void> {
    return this.growth.wait(() => this.next > offset, signal);
  }

  /** Ends what is under way; at `aborted` the rest is rejected. */
  async drain(): Promise<void> {
    const abandon = (): void => this.queue.abandon();
    this.options.aborted.addEventListener('abort', abandon);
    if (this.options.aborted.aborted) abandon();
    await this.queue.drained();
    this.options.aborted.removeEventListener('abort', abandon);
  }

  private async commit(records: LogRecord[], bytes: number): Promise<void> {
    const { clock, metrics, outage, aborted: signal, random } = this.options;
    const nowUs = clock.nowUs();
    const entries = records.map((record, i) => entryOf(record, this.next + i, nowUs));
    await retry(() => this.store.write(entries, nowUs), {
      clock,
      signal,
      delays: retryDelays(writeRetry, random),
      onRetry: (error) => {
        metrics.retried();
        outage.failed(this.name, error);
      },
    }).catch((error: unknown) => {
      outage.failed(this.name, error);
      // Whatever went wrong last, the caller must know that it may come again.
      throw signal.aborted ? new RetryableError('stopped', 'the event log was stopped', { cause: error }) : error;
    });
    outage.worked(this.name);
    this.recent.push(entries);
    this.published += entries.length;
    metrics.appended(this.name, records.length, bytes);
    this.growth.notify();
  }
}

function entryOf(record: LogRecord, offset: number, appendedUs: number): Entry {
  const { key, headers } = record;
  const stored = encodeRecord(record, appendedUs);
  // The caller's own memory may change after its append; the stored form does not.
  const value = stored.subarray(stored.length - record.value.byteLength);
  return { stored, record: headers ? { key, value, headers, offset, appendedUs } : { key, value, offset, appendedUs } };
}
