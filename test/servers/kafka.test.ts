import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { logLevel, Kafka as Client, Partitioners, type Producer } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { haveServers } from './ensure.js';
import { startKafka, type Kafka } from './kafka.js';
import { startProxiedKafka, type ProxiedKafka } from './proxied-kafka.js';
import { waitFor } from './wait-for.js';

const available = await haveServers('kafka');
const withKafka = describe.skipIf(!available);

const clientOf = (kafka: Kafka) =>
  new Client({
    brokers: [...kafka.bootstrap],
    logLevel: logLevel.NOTHING,
    requestTimeout: 4_000,
    retry: { retries: 20 },
  });

async function createTopic(kafka: Kafka, topic: string, replicationFactor = 1): Promise<void> {
  const admin = clientOf(kafka).admin();
  await admin.connect();
  // A busy machine may have a broker counted out for a moment, which is then missing for a copy.
  await waitFor(`topic ${topic}`, 60_000, async () => {
    await admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions: 1, replicationFactor }] });
    return true;
  });
  await admin.disconnect();
}

async function producerOf(kafka: Kafka, retries = 20): Promise<Producer> {
  const producer = clientOf(kafka).producer({ createPartitioner: Partitioners.DefaultPartitioner, retry: { retries } });
  await producer.connect();
  return producer;
}

/** Reads the topic from its beginning until it has `count` values. */
async function readValues(kafka: Kafka, topic: string, count: number): Promise<string[]> {
  const consumer = clientOf(kafka).consumer({ groupId: `reader-${Math.random()}`, maxWaitTimeInMs: 100 });
  const values: string[] = [];
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({ eachMessage: async ({ message }) => void values.push(String(message.value)) });
  await waitFor(`${count} records in ${topic}`, 60_000, () => values.length >= count);
  await consumer.disconnect();
  return values;
}

withKafka('one broker', () => {
  let kafka: Kafka;
  beforeAll(async () => {
    kafka = await startKafka();
    await createTopic(kafka, 'readings');
  });
  afterAll(() => kafka?.stop());

  test('what is produced is consumed', async () => {
    const producer = await producerOf(kafka);
    await producer.send({ topic: 'readings', acks: -1, messages: [{ value: 'a' }, { value: 'b' }] });
    await producer.disconnect();
    expect(await readValues(kafka, 'readings', 2)).toEqual(['a', 'b']);
  });

  test('acknowledged records survive kill -9 and a restart on the same port', async () => {
    const producer = await producerOf(kafka);
    await producer.send({ topic: 'readings', acks: -1, messages: [{ value: 'c' }] });
    await kafka.kill9();
    await kafka.restart(0);
    await producer.send({ topic: 'readings', acks: -1, messages: [{ value: 'd' }] });
    await producer.disconnect();
    expect(await readValues(kafka, 'readings', 4)).toEqual(['a', 'b', 'c', 'd']);
  });

  test('a frozen broker answers again when it is thawed', async () => {
    const producer = await producerOf(kafka);
    kafka.freeze(0);
    const sent = producer.send({ topic: 'readings', acks: -1, messages: [{ value: 'e' }] });
    const before = await Promise.race([sent, new Promise((resolve) => setTimeout(resolve, 500, 'nothing'))]);
    kafka.thaw(0);
    await sent;
    await producer.disconnect();
    expect(before).toBe('nothing');
  });

  test('a topic is not created by use', async () => {
    const producer = await producerOf(kafka, 1);
    await expect(producer.send({ topic: 'misspelt', messages: [{ value: 'x' }] })).rejects.toThrow();
    await producer.disconnect();
  });
});

test.skipIf(!available)('a data folder that was named keeps its records for a later start on other ports', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'fieldline-kafka-'));
  const first = await startKafka({ dataDir });
  await createTopic(first, 'kept');
  const producer = await producerOf(first);
  await producer.send({ topic: 'kept', acks: -1, messages: [{ value: 'a' }] });
  await producer.disconnect();
  await first.stop();
  const second = await startKafka({ dataDir });
  const values = await readValues(second, 'kept', 1);
  await second.stop();
  await second.stop();
  rmSync(dataDir, { recursive: true });
  expect(values).toEqual(['a']);
});

withKafka('three brokers', () => {
  let kafka: Kafka;
  beforeAll(async () => {
    kafka = await startKafka({ brokers: 3 });
    await createTopic(kafka, 'readings', 3);
  });
  afterAll(() => kafka?.stop());

  test('acks=all survives the kill -9 of one broker, which then joins again', async () => {
    const producer = await producerOf(kafka);
    await producer.send({ topic: 'readings', acks: -1, messages: [{ value: 'a' }] });
    await kafka.kill9(0);
    await producer.send({ topic: 'readings', acks: -1, messages: [{ value: 'b' }] });
    await kafka.restart(0);
    await kafka.kill9(1);
    await producer.send({ topic: 'readings', acks: -1, messages: [{ value: 'c' }] });
    await producer.disconnect();
    // A retry after a timeout may write twice, but never out of order and never not at all.
    const values = await readValues(kafka, 'readings', 3);
    expect([...new Set(values)]).toEqual(['a', 'b', 'c']);
  });
});

withKafka('swallowed produce responses', () => {
  let kafka: ProxiedKafka;
  beforeAll(async () => {
    kafka = await startProxiedKafka();
  });
  afterAll(() => kafka?.stop());

  test('close: the client retries, and the broker has twice what was sent once', async () => {
    await createTopic(kafka, 'closed');
    const producer = await producerOf(kafka);
    const gone = kafka.swallower.swallow(1);
    await producer.send({ topic: 'closed', acks: -1, messages: [{ value: 'once' }] });
    await gone;
    await producer.disconnect();
    expect(await readValues(kafka, 'closed', 2)).toEqual(['once', 'once']);
  });

  test('hang: the client times out, and the broker has what the client thinks has failed', async () => {
    await createTopic(kafka, 'hung');
    const producer = await producerOf(kafka, 0);
    const gone = kafka.swallower.swallow(1, { then: 'hang' });
    const sent = producer.send({ topic: 'hung', acks: -1, messages: [{ value: 'once' }] });
    await expect(sent).rejects.toThrow('timed out');
    await gone;
    await producer.disconnect();
    expect(await readValues(kafka, 'hung', 1)).toEqual(['once']);
  });

  test('a request that does not match is answered', async () => {
    await createTopic(kafka, 'spared');
    const producer = await producerOf(kafka, 0);
    void kafka.swallower.swallow(1, { match: (_, frame) => frame.includes('someone else') });
    await producer.send({ topic: 'spared', acks: -1, messages: [{ value: 'mine' }] });
    kafka.swallower.forget();
    await producer.disconnect();
    expect(await readValues(kafka, 'spared', 1)).toEqual(['mine']);
  });
});
