import { randomBytes } from 'node:crypto';
import { onTestFinished } from 'vitest';
import type { TopicSpec } from '../../../core/contract/log-topics.js';
import type { EventLog, GroupOptions, LogBatch, LogRecord, StoredRecord } from '../../../core/log/log.js';
import { waitFor } from '../../servers/wait-for.js';

/** How the suite gets at one implementation. */
export interface EventLogHarness {
  /** A started log. Within one test every call opens the same storage again, and the one before is stopped. */
  open(): Promise<EventLog>;
  /** How long anything may take that has no reason to wait. */
  readonly withinMs: number;
  /** Makes the log drop what a compacted topic need not keep soon after the next append, if it does not at once. */
  compact?(topic: string): Promise<void>;
}

/** Makes the harness of one test; called inside the test. */
export type MakeHarness = () => Promise<EventLogHarness>;

export const textOf = (value: Uint8Array): string => Buffer.from(value).toString();
export const recordOf = (key: string, text: string): LogRecord => ({ key, value: Buffer.from(text) });
export const uniqueName = (what: string): string => `${what}-${randomBytes(6).toString('hex')}`;

export function topicOf(changes: Partial<TopicSpec> = {}): TopicSpec {
  return { name: uniqueName('topic'), partitions: 3, retentionHours: 24, compression: 'lz4', ...changes };
}

export function compactedTopic(): TopicSpec {
  return { name: uniqueName('compacted'), partitions: 1, compression: 'lz4' };
}

/** One test's log with its topics; the log is stopped when the test ends. */
export async function openLog(harness: EventLogHarness, ...topics: TopicSpec[]): Promise<EventLog> {
  const log = await harness.open();
  onTestFinished(() => log.stop(2000));
  await log.ensureTopics(topics);
  return log;
}

/** Collects what readers are handed. */
export class Collector {
  readonly records: StoredRecord[] = [];
  readonly batches: LogBatch[] = [];
  readonly errors: unknown[] = [];
  readonly onBatch = async (batch: LogBatch): Promise<void> => {
    this.batches.push(batch);
    for (const record of batch.records) this.records.push(record);
  };
  readonly onError = (error: unknown): void => void this.errors.push(error);

  get texts(): string[] {
    return this.records.map(({ value }) => textOf(value));
  }

  of(key: string): string[] {
    return this.records.filter((record) => record.key === key).map(({ value }) => textOf(value));
  }

  group(topics: readonly TopicSpec[], group = uniqueName('group')): GroupOptions {
    return { group, topics: topics.map(({ name }) => name), onBatch: this.onBatch, onError: this.onError };
  }

  async has(count: number, withinMs: number): Promise<void> {
    await until(() => this.records.length >= count, withinMs);
  }
}

export async function until(condition: () => boolean | Promise<boolean>, withinMs: number): Promise<void> {
  await waitFor('what the test waits for', withinMs, condition, 5);
}

/** Everything that stands in a topic, as a tail from the beginning sees it. */
export async function contentOf(log: EventLog, topic: TopicSpec): Promise<StoredRecord[]> {
  const seen = new Collector();
  const tail = await log.tail({ topics: [topic.name], from: 'beginning', onBatch: seen.onBatch });
  await tail.caughtUp;
  await tail.stop(1000);
  return seen.records;
}
