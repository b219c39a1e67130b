import { createRequire } from 'node:module';
import kafkajs, { type Admin } from 'kafkajs';
import { onTestFinished } from 'vitest';
import type { TopicSpec } from '../../../core/contract/log-topics.js';
import { KafkaLog, type KafkaLogOptions } from '../../../core/log/kafka-log.js';
import type { EventLog, StoredRecord } from '../../../core/log/log.js';
import { systemClock } from '../../../core/runtime/clock.js';
import { silentLogger } from '../../../core/runtime/logger.js';
import { contentOf, recordOf, textOf } from '../../contracts/event-log/harness.js';

/** A started log on this cluster, with time-outs for tests; it is stopped when the test ends. */
export async function openKafkaLog(
  brokers: readonly string[],
  options: Partial<KafkaLogOptions> = {},
): Promise<KafkaLog> {
  const log = new KafkaLog({
    brokers,
    clientId: 'test',
    logger: silentLogger,
    clock: systemClock,
    sessionTimeoutMs: 6000,
    requestTimeoutMs: 2000,
    healthMs: 500,
    ...options,
  });
  onTestFinished(() => log.stop(2000));
  await log.start();
  return log;
}

/** Runs `work` with an administrator's connection that is not the log's. */
export async function withAdmin<T>(brokers: readonly string[], work: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = new kafkajs.Kafka({ brokers: [...brokers], logLevel: kafkajs.logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}

/** Sets settings of a topic; those that are not named go back to the broker's. */
export function alterTopic(
  brokers: readonly string[],
  topic: string,
  settings: Record<string, string>,
): Promise<unknown> {
  const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value }));
  const resources = [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: topic, configEntries }];
  return withAdmin(brokers, (admin) => admin.alterConfigs({ validateOnly: false, resources }));
}

/** Deletes what stands before `offset` in partition 0, as retention does. */
export function deleteBefore(brokers: readonly string[], topic: string, offset: number): Promise<void> {
  return withAdmin(brokers, async (admin) => {
    // kafkajs finds the leader only if it has asked about the topic before.
    await admin.fetchTopicOffsets(topic);
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: String(offset) }] });
  });
}

/** Appends numbered records by several callers until it is told to end, and remembers what was acknowledged. */
export class Load {
  readonly acknowledged: string[] = [];
  readonly failures: unknown[] = [];
  private isEnding = false;
  private readonly callers: Promise<void>[];

  constructor(
    private readonly log: EventLog,
    private readonly topic: TopicSpec,
    callers: number,
  ) {
    this.callers = Array.from({ length: callers }, (_, id) => this.call(id));
  }

  async end(): Promise<void> {
    this.isEnding = true;
    await Promise.all(this.callers);
  }

  private async call(id: number): Promise<void> {
    for (let i = 0; !this.isEnding; i += 1) {
      const text = `${id}:${i}`;
      try {
        await this.log.append(this.topic.name, [recordOf(`caller-${id}`, text)]);
        this.acknowledged.push(text);
      } catch (error) {
        // Also the end of a test that failed, which stops its log.
        this.failures.push(error);
        return;
      }
    }
  }
}

/** What the log holds of a load: what is missing, what is there more than once, and keys whose order is broken. */
export async function audit(log: EventLog, topic: TopicSpec, load: Load) {
  const content = await contentOf(log, topic);
  const texts = content.map(({ value }) => textOf(value));
  const there = new Set(texts);
  return {
    missing: load.acknowledged.filter((text) => !there.has(text)),
    duplicates: texts.length - there.size,
    disordered: disorderedKeys(content),
  };
}

/** A repetition of what is there already is no disorder; a number that is first seen behind a higher one is. */
function disorderedKeys(content: readonly StoredRecord[]): string[] {
  const highest = new Map<string, number>();
  const seen = new Set<string>();
  const disordered = new Set<string>();
  for (const { key, value } of content) {
    const text = textOf(value);
    if (seen.has(text)) continue;
    seen.add(text);
    const number = Number(text.split(':')[1]);
    if (number <= (highest.get(key) ?? -1)) disordered.add(key);
    highest.set(key, number);
  }
  return [...disordered];
}

/** kafkajs's own murmur2, as a second opinion. */
export function kafkajsMurmur2(): (key: Buffer) => number {
  return createRequire(import.meta.url)('kafkajs/src/producer/partitioners/default/murmur2') as (key: Buffer) => number;
}
