import kafkajs from 'kafkajs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { GroupOptions } from '../../../core/log/log.js';
import { FatalError, RejectedError } from '../../../core/runtime/errors.js';
import { eventLogSuite } from '../../contracts/event-log-suite.js';
import {
  Collector,
  compactedTopic,
  contentOf,
  recordOf,
  textOf,
  topicOf,
  uniqueName,
  until,
} from '../../contracts/event-log/harness.js';
import { haveServers } from '../../servers/ensure.js';
import { startKafka, type Kafka } from '../../servers/kafka.js';
import { alterTopic, deleteBefore, openKafkaLog, withAdmin } from './kafka-harness.js';

const available = await haveServers('kafka');

describe.skipIf(!available)('on one broker', () => {
  let kafka: Kafka;
  beforeAll(async () => {
    kafka = await startKafka({ properties: { 'log.cleaner.backoff.ms': '300' } });
  });
  afterAll(() => kafka?.stop());

  eventLogSuite('KafkaLog', async () => ({
    open: () => openKafkaLog(kafka.bootstrap),
    withinMs: 30_000,
    compact: async (topic) => {
      const eager = { 'segment.ms': '50', 'min.cleanable.dirty.ratio': '0.001', 'max.compaction.lag.ms': '100' };
      await alterTopic(kafka.bootstrap, topic, { 'cleanup.policy': 'compact', ...eager });
    },
  }));

  test('creates topics as they are specified, and tells of others that differ', async () => {
    const errors: unknown[] = [];
    const log = await openKafkaLog(kafka.bootstrap, { onError: (error) => errors.push(error) });
    const kept = topicOf({ partitions: 7, retentionHours: 168 });
    const compacted = compactedTopic();
    await log.ensureTopics([kept, compacted]);
    await log.ensureTopics([kept, compacted]);
    expect(errors).toEqual([]);
    const settings = await withAdmin(kafka.bootstrap, async (admin) => {
      const resources = [kept, compacted].map(({ name }) => ({ type: kafkajs.ConfigResourceTypes.TOPIC, name }));
      const answer = await admin.describeConfigs({ includeSynonyms: false, resources });
      return answer.resources.map(({ configEntries }) =>
        Object.fromEntries(configEntries.map(({ configName, configValue }) => [configName, configValue])),
      );
    });
    expect(settings[0]).toMatchObject({ 'retention.ms': '604800000', 'cleanup.policy': 'delete' });
    expect(settings[1]).toMatchObject({ 'cleanup.policy': 'compact' });
    for (const each of settings) {
      expect(each).toMatchObject({ 'compression.type': 'lz4', 'message.timestamp.type': 'LogAppendTime' });
    }
    await log.ensureTopics([{ ...kept, partitions: 9, retentionHours: 1 }]);
    expect(errors).toMatchObject([{ code: 'bad-config' }]);
    expect((errors[0] as Error).message).toMatch(/retention\.ms=604800000.*7 partitions/);
  });

  test('a record that only the broker finds too large is refused, and those around it are not', async () => {
    const log = await openKafkaLog(kafka.bootstrap);
    const topic = topicOf({ partitions: 2, compression: 'none' });
    await log.ensureTopics([topic]);
    await alterTopic(kafka.bootstrap, topic.name, { 'max.message.bytes': '5000' });
    // The setting may reach the broker after the first appends that are to feel it.
    await until(async () => {
      const probe = log.append(topic.name, [{ key: 'probe', value: Buffer.alloc(9000) }]);
      return probe.then(
        () => false,
        () => true,
      );
    }, 30_000);
    const keys = Array.from({ length: 20 }, (_, i) => `key-${i}`);
    const results = await Promise.allSettled(
      keys.map((key, i) => log.append(topic.name, [{ key, value: Buffer.alloc(i === 7 ? 9000 : 1000, key) }])),
    );
    const refused = results.flatMap((result, i) =>
      result.status === 'rejected' ? [{ i, error: result.reason as unknown }] : [],
    );
    expect(refused.map(({ i }) => i)).toEqual([7]);
    expect(refused[0]!.error).toSatisfy((e: unknown) => e instanceof RejectedError && e.code === 'too-large');
    const there = new Set((await contentOf(log, topic)).map(({ key }) => key).filter((key) => key !== 'probe'));
    expect(there).toEqual(new Set(keys.filter((_, i) => i !== 7)));
    await until(() => log.healthy(), 10_000);
  });

  test('an offset out of range is an error and never a jump', async () => {
    const log = await openKafkaLog(kafka.bootstrap);
    const topic = topicOf({ partitions: 1 });
    await log.ensureTopics([topic]);
    const group = uniqueName('group');
    const first = new Collector();
    for (let i = 0; i < 5; i += 1) await log.append(topic.name, [recordOf('a', `${i}`)]);
    const subscription = await log.subscribe(first.group([topic], group));
    await first.has(5, 20_000);
    await subscription.stop(5000);
    for (let i = 5; i < 10; i += 1) await log.append(topic.name, [recordOf('a', `${i}`)]);
    await deleteBefore(kafka.bootstrap, topic.name, 8);
    const second = new Collector();
    const failed = await log.subscribe(second.group([topic], group));
    await until(() => second.errors.length > 0, 20_000);
    await failed.stop(2000);
    expect(second.errors).toHaveLength(1);
    expect(second.errors[0]).toSatisfy((e: unknown) => e instanceof FatalError && e.code === 'offset-out-of-range');
    expect(second.texts).toEqual([]);
    const committed = await withAdmin(kafka.bootstrap, (admin) =>
      admin.fetchOffsets({ groupId: group, topics: [topic.name] }),
    );
    expect(committed[0]!.partitions).toMatchObject([{ partition: 0, offset: '5' }]);
    // One that never committed is at the beginning, wherever that is.
    const fresh = new Collector();
    await log.subscribe(fresh.group([topic]));
    await fresh.has(2, 20_000);
    expect(fresh.texts).toEqual(['8', '9']);
  });

  test('an offset that is lost while a group reads is an error, too', async () => {
    const log = await openKafkaLog(kafka.bootstrap, { maxBatchRecords: 1 });
    const topic = topicOf({ partitions: 1 });
    await log.ensureTopics([topic]);
    for (let i = 0; i < 10; i += 1) await log.append(topic.name, [recordOf('a', `${i}`)]);
    const seen = new Collector();
    const onBatch: GroupOptions['onBatch'] = async (batch) => {
      await seen.onBatch(batch);
      if (seen.records.length < 3) return;
      // While this one is repeated, the records behind it go.
      await deleteBefore(kafka.bootstrap, topic.name, 8);
      throw new Error('not yet');
    };
    await log.subscribe({ ...seen.group([topic]), onBatch });
    const isLost = (e: unknown) => e instanceof FatalError && e.code === 'offset-out-of-range';
    await until(() => seen.errors.some(isLost), 30_000);
    expect(new Set(seen.texts)).toEqual(new Set(['0', '1', '2']));
  });

  test('a batch in work for longer than the session lasts keeps its member alive', async () => {
    const log = await openKafkaLog(kafka.bootstrap);
    const topic = topicOf({ partitions: 1 });
    await log.ensureTopics([topic]);
    const group = uniqueName('group');
    const seen = new Collector();
    const onBatch: GroupOptions['onBatch'] = async (batch, alive) => {
      const startMs = performance.now();
      await until(() => alive().then(() => performance.now() - startMs > 9000), 20_000);
      await seen.onBatch(batch);
    };
    const subscription = await log.subscribe({ ...seen.group([topic], group), onBatch });
    await log.append(topic.name, [recordOf('a', '0')]);
    await seen.has(1, 30_000);
    await until(async () => (await log.lag(group, [topic.name])) === 0, 10_000);
    await subscription.stop(5000);
    expect([seen.texts, seen.errors]).toEqual([['0'], []]);
  });

  test('a tail leaves no group behind', async () => {
    const log = await openKafkaLog(kafka.bootstrap);
    const topic = topicOf();
    await log.ensureTopics([topic]);
    const groups = () =>
      withAdmin(kafka.bootstrap, async (admin) => (await admin.listGroups()).groups.map(({ groupId }) => groupId));
    const before = await groups();
    await log.append(topic.name, [recordOf('a', '0')]);
    expect((await contentOf(log, topic)).map(({ value }) => textOf(value))).toEqual(['0']);
    // Those of other tests may go at any time.
    expect((await groups()).filter((group) => !before.includes(group))).toEqual([]);
  });
});
