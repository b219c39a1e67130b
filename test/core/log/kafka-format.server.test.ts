import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { partitionOf } from '../../../core/log/kafka/partition-of.js';
import type { TopicSpec } from '../../../core/contract/log-topics.js';
import { contentOf, recordOf, textOf, topicOf } from '../../contracts/event-log/harness.js';
import { haveServers } from '../../servers/ensure.js';
import { startKafka, type Kafka } from '../../servers/kafka.js';
import { findProgram, runCommand } from '../../servers/run-command.js';
import { alterTopic, openKafkaLog } from './kafka-harness.js';

const available = await haveServers('kafka');
const kcat = findProgram('kcat');

// From one byte to more than a 256 KiB block of lz4, and what cannot be compressed.
const texts = ['x', 'a'.repeat(100), 'fieldline '.repeat(60_000), Buffer.alloc(90_000, 7).toString('base64')];

describe.skipIf(!available)('the format of batches', () => {
  let kafka: Kafka;
  beforeAll(async () => {
    kafka = await startKafka();
  });
  afterAll(() => kafka?.stop());

  /** Appends by our codec to a topic for which the broker is to use another; gives what is read. */
  async function recoded(compression: TopicSpec['compression'], brokers: 'lz4' | 'gzip'): Promise<string[]> {
    const log = await openKafkaLog(kafka.bootstrap);
    const topic = topicOf({ partitions: 1, compression });
    await log.ensureTopics([topic]);
    await alterTopic(kafka.bootstrap, topic.name, { 'compression.type': brokers });
    for (const text of texts) await log.append(topic.name, [recordOf('a', text)]);
    await log.append(
      topic.name,
      texts.map((text) => recordOf('b', text)),
    );
    return (await contentOf(log, topic)).map(({ value }) => textOf(value));
  }

  test("Apache Kafka's own code reads our lz4: it makes gzip of it", async () => {
    expect(await recoded('lz4', 'gzip')).toEqual([...texts, ...texts]);
  });

  test("we read the lz4 of Apache Kafka's own code: it makes it of plain batches", async () => {
    expect(await recoded('none', 'lz4')).toEqual([...texts, ...texts]);
  });

  // librdkafka is a third implementation; a machine without kcat has the two above.
  test.skipIf(kcat === undefined)('kcat reads our lz4, we read its, and we agree on the partitions', async () => {
    const log = await openKafkaLog(kafka.bootstrap);
    const topic = topicOf({ partitions: 7 });
    await log.ensureTopics([topic]);
    const run = (args: readonly string[], input = '') =>
      runCommand(
        'sh',
        ['-c', 'printf %s "$0" | "$@"', input, kcat!, '-b', kafka.bootstrap[0]!, '-t', topic.name, ...args],
        {
          withinMs: 30_000,
        },
      );
    const ours = texts.map((text, i) => ({ key: `site/device-${i}`, text }));
    await Promise.all(ours.map(({ key, text }) => log.append(topic.name, [recordOf(key, text)])));
    const read = await run(['-C', '-e', '-q', '-o', 'beginning', '-f', '%p|%k|%s\n']);
    const lines = ours.map(({ key, text }) => `${partitionOf(key, 7)}|${key}|${text}`);
    expect(read.trim().split('\n').sort()).toEqual(lines.sort());

    const theirs = Array.from({ length: 40 }, (_, i) => ({ key: `gerät-${i}`, text: 'from kcat '.repeat(i + 1) }));
    const javaLike = ['-X', 'topic.partitioner=murmur2_random', '-z', 'lz4', '-K', '|'];
    await run(['-P', ...javaLike], theirs.map(({ key, text }) => `${key}|${text}\n`).join(''));
    const found = new Map<string, string>();
    const tail = await log.tail({
      topics: [topic.name],
      from: 'beginning',
      onBatch: ({ partition, records }) => {
        for (const { key, value } of records) found.set(key, `${partition}|${textOf(value)}`);
      },
    });
    await tail.caughtUp;
    for (const { key, text } of theirs) expect(found.get(key)).toBe(`${partitionOf(key, 7)}|${text}`);
  });
});
