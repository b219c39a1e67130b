import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Collector, topicOf, uniqueName, until } from '../../contracts/event-log/harness.js';
import { haveServers } from '../../servers/ensure.js';
import { startKafka, type Kafka } from '../../servers/kafka.js';
import { audit, Load, openKafkaLog, withAdmin } from './kafka-harness.js';

const available = await haveServers('kafka');

describe.skipIf(!available)('on three brokers', () => {
  let kafka: Kafka;
  beforeAll(async () => {
    kafka = await startKafka({ brokers: 3 });
  });
  afterAll(() => kafka?.stop());

  test('the loss of a broker loses nothing, and its partitions go on elsewhere', async () => {
    const log = await openKafkaLog(kafka.bootstrap);
    const topic = topicOf({ partitions: 6 });
    await log.ensureTopics([topic]);
    const described = await withAdmin(kafka.bootstrap, (admin) => admin.fetchTopicMetadata({ topics: [topic.name] }));
    expect(described.topics[0]!.partitions.map(({ replicas }) => replicas.length)).toEqual([3, 3, 3, 3, 3, 3]);
    const group = uniqueName('group');
    const seen = new Collector();
    await log.subscribe(seen.group([topic], group));
    const load = new Load(log, topic, 24);
    await until(() => seen.records.length > 300, 40_000);
    await kafka.kill9(0);
    // Every caller goes on: those of the lost leaders' partitions, too.
    const progress = () => new Set(load.acknowledged.slice(-2000).map((text) => text.split(':')[0])).size;
    const before = load.acknowledged.length;
    await until(() => load.acknowledged.length > before + 3000 && progress() === 24, 60_000);
    await load.end();
    const found = await audit(log, topic, load);
    expect([load.failures, found.missing, found.disordered]).toEqual([[], [], []]);
    await until(async () => (await log.lag(group, [topic.name]).catch(() => 1)) === 0, 60_000);
    const there = new Set(seen.texts);
    expect(load.acknowledged.filter((text) => !there.has(text))).toEqual([]);
    expect(seen.errors).toEqual([]);
    await until(() => log.healthy(), 60_000);
  });
});
