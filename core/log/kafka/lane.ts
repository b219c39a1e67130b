import type { CompressionTypes } from 'kafkajs';
import type { LogRecord } from '../log.js';
import { retryDelays } from '../../runtime/retry.js';
import { recordBytes } from '../record-limits.js';

const sendRetry = { firstMs: 50, maxMs: 5000 };

/** One call of `append`, whose records may go to several partitions. */
export class PendingAppend {
  private left: number;

  constructor(
    records: number,
    private readonly resolve: () => void,
    private readonly reject: (error: unknown) => void,
  ) {
    this.left = records;
  }

  acknowledge(): void {
    this.left -= 1;
    if (this.left === 0) this.resolve();
  }

  /** The first failure of a record tells it of the whole call. */
  fail(error: unknown): void {
    this.reject(error);
  }
}

export interface Queued {
  readonly record: LogRecord;
  readonly bytes: number;
  readonly append: PendingAppend;
  readonly sinceMs: number;
}

export function queued(record: LogRecord, append: PendingAppend, sinceMs: number): Queued {
  return { record, bytes: recordBytes(record), append, sinceMs };
}

/**
 * The records on their way to one partition, in order. One batch at a time is out; a batch whose outcome is unknown
 * stays the same batch until it is acknowledged, and nothing behind it is sent before.
 */
export class Lane {
  private waiting: Queued[] = [];
  private waitingBytes = 0;
  private batch: Queued[] | undefined;
  /** Out, or held back until the cluster may be there again. */
  isBusy = false;
  private delays: Iterator<number, never> | undefined;

  constructor(
    readonly topic: string,
    readonly partition: number,
    readonly compression: CompressionTypes,
    private readonly maxBatchBytes: number,
  ) {}

  get records(): number {
    return this.waiting.length + (this.batch?.length ?? 0);
  }

  get isReady(): boolean {
    return !this.isBusy && this.records > 0;
  }

  /** Since when its oldest record waits, on the monotonic clock. */
  get sinceMs(): number {
    return (this.batch ?? this.waiting)[0]?.sinceMs ?? Infinity;
  }

  /** How long its next batch waits for more records, in milliseconds. */
  dueInMs(nowMs: number, lingerMs: number): number {
    if (this.batch !== undefined || this.waitingBytes >= this.maxBatchBytes) return 0;
    return Math.max(0, (this.waiting[0]?.sinceMs ?? nowMs) + lingerMs - nowMs);
  }

  push(record: Queued): void {
    this.waiting.push(record);
    this.waitingBytes += record.bytes;
  }

  /** The records to send: those that failed before, or the next that wait. */
  begin(): LogRecord[] {
    this.isBusy = true;
    this.batch ??= this.take();
    return this.batch.map(({ record }) => record);
  }

  acknowledged(): { records: number; bytes: number } {
    const batch = this.batch ?? [];
    this.settle();
    for (const { append } of batch) append.acknowledge();
    return { records: batch.length, bytes: batch.reduce((sum, { bytes }) => sum + bytes, 0) };
  }

  /** The broker has refused the batch, and has written none of it. What is left is sent record by record. */
  refused(error: (record: Queued) => unknown): void {
    const [first, ...rest] = this.batch ?? [];
    if (!first) return;
    // Alone in its batch, a record is refused for itself and not for its company.
    if (rest.length === 0) {
      this.settle();
      first.append.fail(error(first));
      return;
    }
    this.batch = [first];
    this.waiting.unshift(...rest);
    this.waitingBytes += rest.reduce((sum, { bytes }) => sum + bytes, 0);
    this.isBusy = false;
  }

  /** How long to wait before the next try; longer with each failure in a row. */
  nextDelayMs(random: () => number): number {
    this.delays ??= retryDelays(sendRetry, random);
    return this.delays.next().value;
  }

  /** Gives everything up. */
  fail(error: unknown): void {
    const lost = [...(this.batch ?? []), ...this.waiting];
    this.waiting = [];
    this.waitingBytes = 0;
    this.settle();
    for (const { append } of lost) append.fail(error);
  }

  private settle(): void {
    this.batch = undefined;
    this.isBusy = false;
    this.delays = undefined;
  }

  private take(): Queued[] {
    let bytes = 0;
    const after = this.waiting.findIndex((record) => (bytes += record.bytes) >= this.maxBatchBytes);
    const batch = this.waiting.splice(0, after === -1 ? this.waiting.length : after + 1);
    for (const record of batch) this.waitingBytes -= record.bytes;
    return batch;
  }
}
