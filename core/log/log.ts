import type { TopicSpec } from '../contract/log-topics.js';
import type { Part } from '../runtime/lifecycle.js';

/** A record to append. Records with one key keep the order in which they were appended. */
export interface LogRecord {
  readonly key: string;
  readonly value: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A record in the log. `offset` rises within a partition; gaps are allowed. */
export interface StoredRecord extends LogRecord {
  readonly offset: number;
  /** When the log took it (LogAppendTime), microseconds since the Unix epoch. */
  readonly appendedUs: number;
}

/** Some consecutive records of one partition, in offset order. */
export interface LogBatch {
  readonly topic: string;
  readonly partition: number;
  readonly records: readonly StoredRecord[];
}

export interface GroupOptions {
  /** The consumers of one group share the partitions, and the group's committed offsets. */
  readonly group: string;
  readonly topics: readonly string[];
  /**
   * Called for one batch per partition at a time, for several partitions at once. The offsets are committed only
   * after its promise resolves. If it rejects, the same records come again after a back-off, nothing behind them
   * in that partition is handed out, and `onError` hears of it. Call `alive` at least every few seconds while a batch
   * takes long: it keeps the group's membership.
   */
  readonly onBatch: (batch: LogBatch, alive: () => Promise<void>) => Promise<void>;
  readonly onError?: (error: unknown) => void;
}

export interface TailOptions {
  readonly topics: readonly string[];
  /** `beginning` reads what is kept and then follows; `end` only follows what is appended after `tail` resolved. */
  readonly from: 'beginning' | 'end';
  /** Called for one batch at a time. A rejection ends the tail and is handed to `onError`. */
  readonly onBatch: (batch: LogBatch) => void | Promise<void>;
  readonly onError?: (error: unknown) => void;
}

/** What a partition holds: offsets from `first` up to, and without, `next`. Equal where it holds nothing. */
export interface PartitionBounds {
  readonly partition: number;
  readonly first: number;
  readonly next: number;
}

export interface Subscription {
  /** Waits for the batches in work and commits them, at most `deadlineMs`. */
  stop(deadlineMs: number): Promise<void>;
}

export interface Tail extends Subscription {
  /** Resolves when everything that stood in the log when `tail` was called has been handed out. */
  readonly caughtUp: Promise<void>;
}

/**
 * The event log: append-only, partitioned by key, kept for a time, read by several consumers at their own pace.
 *
 * Call `start` first, then `ensureTopics`. `append`, `subscribe` and `tail` may be called at once from anywhere.
 * Delivery is at least once: a record may stand in the log twice after a fault, never zero times once acknowledged.
 */
export interface EventLog extends Part {
  /** Creates the topics that are missing. A topic whose settings differ is left as it is and reported by `onError`. */
  ensureTopics(specs: readonly TopicSpec[]): Promise<void>;

  /**
   * Resolves when every record is durable (LevelDB: synced; Kafka: acks=all). While the log is away it keeps trying
   * the same batch, so it may take as long as the outage; `stop` makes it reject with RetryableError `stopped`, and
   * then the records may or may not be in the log. RejectedError `too-large` names a record that can never be
   * appended; none of its call's records is then appended. RetryableError `over-budget` says that the disk budget is used up.
   * The records must stay as they are until then.
   */
  append(topic: string, records: readonly LogRecord[]): Promise<void>;

  /**
   * The partition that records of a key go to, where it matters: those of one partition are written together, or wait
   * together, so whoever appends for many keys does best to make one append of them. Undefined before `ensureTopics`.
   */
  partitionOf?(topic: string, key: string): number | undefined;

  /** Joins a group; its first start reads from the beginning. An offset out of range is an error, never a jump. */
  subscribe(options: GroupOptions): Promise<Subscription>;

  /** Reads without a group and without commits: every caller sees every record. */
  tail(options: TailOptions): Promise<Tail>;

  /** Where the partitions of a topic begin and end now, in their order. Throws RetryableError while the log is away. */
  bounds(topic: string): Promise<readonly PartitionBounds[]>;

  /**
   * Some records of a partition, at most `maxRecords`, from `fromOffset` on or from the first that is kept behind it; none
   * only where there is none up to the end. It may give fewer than there are. Throws RetryableError while the log is away.
   */
  read(topic: string, partition: number, fromOffset: number, maxRecords: number): Promise<readonly StoredRecord[]>;

  /** Records not yet committed by the group, over the topics. */
  lag(group: string, topics: readonly string[]): Promise<number>;

  /** Whether an append could succeed now. */
  healthy(): boolean;
}
