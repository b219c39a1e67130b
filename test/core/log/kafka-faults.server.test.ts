import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { Logger } from '../../../core/runtime/logger.js';
import { Collector, contentOf, recordOf, topicOf, uniqueName, until } from '../../contracts/event-log/harness.js';
import { haveServers } from '../../servers/ensure.js';
import { freePort } from '../../servers/free-port.js';
import { startKafka, type Kafka } from '../../servers/kafka.js';
import { startProxiedKafka, type ProxiedKafka } from '../../servers/proxied-kafka.js';
import { audit, Load, openKafkaLog } from './kafka-harness.js';

const available = await haveServers('kafka');

/** A logger that keeps its lines. */
function listening(): { logger: Logger; lines: { level: string; msg: string }[] } {
  const lines: { level: string; msg: string }[] = [];
  const write = (line: string) => void lines.push(JSON.parse(line) as { level: string; msg: string });
  const formatters = { level: (label: string) => ({ level: label }) };
  return { logger: pino({ level: 'info', formatters }, { write }), lines };
}

const awayLines = (lines: readonly { level: string; msg: string }[]) =>
  lines
    .filter(({ level, msg }) => level === 'error' && msg.includes('is away'))
    .map(({ msg }) => msg)
    .sort();

describe.skipIf(!available)('when acknowledgements get lost', () => {
  let kafka: ProxiedKafka;
  beforeAll(async () => {
    kafka = await startProxiedKafka();
  });
  afterAll(() => kafka?.stop());

  test.each(['close', 'hang'] as const)('every acknowledged record is in the log (%s)', async (then) => {
    const log = await openKafkaLog(kafka.bootstrap, { requestTimeoutMs: 700 });
    const topic = topicOf({ partitions: 4 });
    await log.ensureTopics([topic]);
    const load = new Load(log, topic, 40);
    for (let round = 0; round < 8; round += 1) {
      const before = load.acknowledged.length;
      await kafka.swallower.swallow(1, { then });
      await until(() => load.acknowledged.length > before + 80, 20_000);
    }
    await load.end();
    const found = await audit(log, topic, load);
    console.log(`${then}: ${load.acknowledged.length} acknowledged, ${found.duplicates} more than once`);
    expect([load.failures, found.missing, found.disordered]).toEqual([[], [], []]);
    expect(found.duplicates).toBeGreaterThan(0);
    await until(() => log.healthy(), 10_000);
  });

  test('a batch of the same length behind a lost acknowledgement is not taken for its repetition', async () => {
    const log = await openKafkaLog(kafka.bootstrap, { requestTimeoutMs: 700 });
    const topic = topicOf({ partitions: 1 });
    await log.ensureTopics([topic]);
    const texts = Array.from({ length: 20 }, (_, i) => String(i).padStart(4, '0'));
    for (const text of texts) {
      const swallowed = kafka.swallower.swallow(1);
      await log.append(topic.name, [recordOf('a', text)]);
      await swallowed;
    }
    const content = (await contentOf(log, topic)).map(({ value }) => Buffer.from(value).toString());
    expect([...new Set(content)]).toEqual(texts);
  });

  test('a network that is gone for a while loses nothing, and readers go on', async () => {
    const { logger, lines } = listening();
    const log = await openKafkaLog(kafka.bootstrap, { requestTimeoutMs: 10_000, logger });
    const topic = topicOf({ partitions: 4 });
    await log.ensureTopics([topic]);
    const [seen, tailed] = [new Collector(), new Collector()];
    const group = seen.group([topic]);
    await log.subscribe(group);
    await log.tail({ topics: [topic.name], from: 'beginning', onBatch: tailed.onBatch, onError: tailed.onError });
    const load = new Load(log, topic, 10);
    await until(() => seen.records.length > 50 && tailed.records.length > 50, 30_000);
    kafka.proxies[0]!.cut();
    await until(() => !log.healthy(), 10_000);
    const startMs = performance.now();
    await until(() => performance.now() - startMs > 3000 && awayLines(lines).length >= 3, 10_000);
    expect(log.healthy()).toBe(false);
    kafka.proxies[0]!.heal();
    await until(() => log.healthy(), 20_000);
    await load.end();
    const found = await audit(log, topic, load);
    expect([load.failures, found.missing, found.disordered]).toEqual([[], [], []]);
    const all = new Set(load.acknowledged);
    for (const reader of [seen, tailed]) {
      await until(() => new Set(reader.texts).size >= all.size, 60_000);
      expect(reader.errors).toEqual([]);
    }
    // The log, the group and the tail say it, once each.
    expect(awayLines(lines)).toEqual([
      `Kafka for a tail of ${topic.name} is away: trying until it is back`,
      `Kafka for group ${group.group} is away: trying until it is back`,
      'Kafka is away: trying until it is back',
    ]);
  });

  test('stop does not wait for a cluster that is away: appends may come again', async () => {
    const log = await openKafkaLog(kafka.bootstrap, { requestTimeoutMs: 700 });
    const topic = topicOf();
    await log.ensureTopics([topic]);
    kafka.proxies[0]!.stall();
    onTestFinished(() => kafka.proxies[0]!.heal());
    const waiting = Promise.allSettled([log.append(topic.name, [recordOf('a', '0')])]);
    const startMs = performance.now();
    await log.stop(1000);
    expect(performance.now() - startMs).toBeLessThan(30_000);
    expect(await waiting).toMatchObject([{ status: 'rejected', reason: { code: 'stopped' } }]);
  });
});

describe.skipIf(!available)('when the broker', () => {
  let kafka: Kafka;
  beforeAll(async () => {
    kafka = await startKafka();
  });
  afterAll(() => kafka?.stop());

  test('is killed and comes back under load, nothing acknowledged is lost', async () => {
    const log = await openKafkaLog(kafka.bootstrap);
    const topic = topicOf({ partitions: 4 });
    await log.ensureTopics([topic]);
    const group = uniqueName('group');
    const seen = new Collector();
    const subscription = await log.subscribe(seen.group([topic], group));
    const load = new Load(log, topic, 20);
    await until(() => seen.records.length > 200, 30_000);
    await kafka.kill9();
    await kafka.restart(0);
    const before = load.acknowledged.length;
    await until(() => load.acknowledged.length > before + 200, 60_000);
    await load.end();
    const found = await audit(log, topic, load);
    expect([load.failures, found.missing, found.disordered]).toEqual([[], [], []]);
    await until(async () => (await log.lag(group, [topic.name])) === 0, 60_000);
    await subscription.stop(5000);
    const there = new Set(seen.texts);
    expect(load.acknowledged.filter((text) => !there.has(text))).toEqual([]);
    expect(seen.errors).toEqual([]);
  });

  test('is frozen for some seconds, nothing acknowledged is lost', async () => {
    const log = await openKafkaLog(kafka.bootstrap, { requestTimeoutMs: 1000 });
    const topic = topicOf({ partitions: 4 });
    await log.ensureTopics([topic]);
    const load = new Load(log, topic, 20);
    await until(() => load.acknowledged.length > 200, 30_000);
    kafka.freeze(0);
    onTestFinished(() => kafka.thaw(0));
    await until(() => !log.healthy(), 20_000);
    const startMs = performance.now();
    await until(() => performance.now() - startMs > 3000, 10_000);
    kafka.thaw(0);
    const before = load.acknowledged.length;
    await until(() => load.acknowledged.length > before + 200, 60_000);
    await load.end();
    const found = await audit(log, topic, load);
    expect([load.failures, found.missing, found.disordered]).toEqual([[], [], []]);
    await until(() => log.healthy(), 10_000);
  });
});

test.skipIf(!available)('a cluster that is away at the start is waited for', async () => {
  const port = await freePort();
  const { logger, lines } = listening();
  const log = await openKafkaLog([`127.0.0.1:${port}`], { logger, healthMs: 200 });
  const topic = topicOf();
  const ensured = log.ensureTopics([topic]);
  const appended = log.append(topic.name, [recordOf('a', 'early')]);
  const seen = new Collector();
  await log.subscribe(seen.group([topic]));
  const startMs = performance.now();
  await until(() => performance.now() - startMs > 4000 && awayLines(lines).length >= 2, 10_000);
  expect(log.healthy()).toBe(false);
  // The log and the group: once each, however often they tried.
  expect(awayLines(lines)).toHaveLength(2);
  const dataDir = mkdtempSync(join(tmpdir(), 'fieldline-kafka-'));
  onTestFinished(() => rmSync(dataDir, { recursive: true, force: true, maxRetries: 10 }));
  const kafka = await startKafka({ ports: [port], dataDir });
  onTestFinished(() => kafka.kill9());
  await Promise.all([ensured, appended]);
  await seen.has(1, 60_000);
  expect([seen.texts, seen.errors]).toEqual([['early'], []]);
  await until(() => log.healthy(), 10_000);
});
