import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { expect, onTestFinished, test } from 'vitest';
import type { TopicSpec } from '../../../core/contract/log-topics.js';
import { LocalLog, type LocalLogOptions } from '../../../core/log/local-log.js';
import { FatalError, RetryableError } from '../../../core/runtime/errors.js';
import { silentLogger } from '../../../core/runtime/logger.js';
import { Collector, contentOf, recordOf, textOf, topicOf, until } from '../../contracts/event-log/harness.js';
import { tempDir } from '../../support/temp-dir.js';
import { ManualClock } from './manual-clock.js';

const hourMs = 3_600_000;
const topic = topicOf({ name: 'readings', retentionHours: 3 });

async function makeLog({ retentionHours = 3, ...options }: Partial<LocalLogOptions & TopicSpec> = {}) {
  const clock = new ManualClock();
  const directory = await tempDir();
  const log = new LocalLog({ directory, clock, logger: silentLogger, recentBytes: 0, sweepMs: 1000, ...options });
  onTestFinished(() => log.stop(0));
  await log.start();
  await log.ensureTopics([{ ...topic, retentionHours }]);
  const slices = () => readdir(join(directory, 'topics', topic.name));
  /** Lets the clock run on until the directories are as wanted. */
  const swept = (isReached: (names: string[]) => boolean | Promise<boolean>) => {
    // A slow disk must not make the clock run into the next hour.
    let ticks = 60;
    return until(async () => {
      if (ticks-- > 0) clock.advance(1000);
      return isReached(await slices());
    }, 10_000);
  };
  /** An hour with one record at its start. */
  const hour = async (text: string) => {
    await log.append(topic.name, [recordOf('a', text)]);
    clock.advance(hourMs);
  };
  const read = async (group: string, count: number) => {
    const seen = new Collector();
    const subscription = await log.subscribe(seen.group([topic], group));
    await seen.has(count, 3000);
    await subscription.stop(1000);
    return seen;
  };
  return { log, clock, directory, slices, swept, hour, read };
}

const texts = async (log: LocalLog) => (await contentOf(log, topic)).map(({ value }) => textOf(value));

test('old records go by whole directories', async () => {
  const { log, clock, swept, hour } = await makeLog();
  for (const text of ['0', '1', '2', '3', '4']) await hour(text);
  await swept(async () => !(await texts(log)).includes('1'));
  // Younger than three hours stays, and older by a slice goes. '2' is three hours old to the microsecond: whether it
  // goes depends on whether a look fell between two hours and began a slice.
  expect((await texts(log)).filter((text) => text !== '2')).toEqual(['3', '4']);
  clock.advance(24 * hourMs);
  await swept(({ length }) => length === 1);
  expect(await texts(log)).toEqual([]);
});

test('offsets go on after everything went, and after a restart', async () => {
  const { log, clock, directory, swept, hour } = await makeLog();
  for (const text of ['0', '1']) await hour(text);
  clock.advance(24 * hourMs);
  await swept(({ length }) => length === 1);
  await log.stop(1000);
  const again = new LocalLog({ directory, clock, logger: silentLogger });
  onTestFinished(() => again.stop(0));
  await again.start();
  await again.ensureTopics([topic]);
  await again.append(topic.name, [recordOf('a', '2')]);
  expect((await contentOf(again, topic)).map(({ offset }) => offset)).toEqual([2]);
});

test('an offset that retention passed is an error and never a jump', async () => {
  const registry = new Registry();
  const { log, clock, swept, hour, read } = await makeLog({ registry });
  await hour('0');
  await read('slow', 1);
  for (const text of ['1', '2', '3']) await hour(text);
  clock.advance(24 * hourMs);
  await swept(({ length }) => length === 1);
  await log.append(topic.name, [recordOf('a', '4')]);
  const seen = new Collector();
  await log.subscribe(seen.group([topic], 'slow'));
  await until(() => seen.errors.length > 0, 3000);
  expect(seen.errors[0]).toSatisfy((e: unknown) => e instanceof FatalError && e.code === 'offset-out-of-range');
  expect(seen.texts).toEqual([]);
  expect(await log.lag('slow', [topic.name])).toBe(4);
  expect(await registry.metrics()).toContain('fieldline_log_expired_unread_records_total{topic="readings"} 3');
});

test('a clock that was wrong for a while removes nothing early', async () => {
  const { log, clock, slices, hour } = await makeLog();
  await hour('0');
  const rightUs = clock.nowUs();
  clock.setWall(0);
  await hour('1970');
  clock.setWall(rightUs + 2 * hourMs * 1000);
  await hour('1');
  clock.advance(60_000);
  await until(async () => (await slices()).length === 3, 3000);
  expect(await texts(log)).toEqual(['0', '1970', '1']);
});

test('shedding gives up what every group has read, oldest first, and no more', async () => {
  const { log, slices, hour, read } = await makeLog({ retentionHours: 24 });
  for (const text of ['0', '1', '2', '3']) await hour(text);
  expect(await log.shed(1)).toEqual({ bytes: 0, readings: 0 });
  await read('fast', 4);
  const before = await slices();
  const stopped = new Collector();
  const slow = await log.subscribe({ ...stopped.group([topic], 'slow'), onBatch: () => Promise.reject(new Error()) });
  expect(await log.shed(1e9)).toEqual({ bytes: 0, readings: 0 });
  await slow.stop(0);
  await read('slow', 4);
  const used = await log.bytes();
  const first = await log.shed(1);
  expect(first.bytes).toBeGreaterThan(0);
  expect(await slices()).toEqual(before.slice(1));
  const rest = await log.shed(1e9);
  expect(await slices()).toEqual(before.slice(-1));
  expect(await log.bytes()).toBeLessThanOrEqual(used - first.bytes - rest.bytes);
  expect(await log.shed(1e9)).toEqual({ bytes: 0, readings: 0 });
  await log.append(topic.name, [recordOf('a', '4')]);
  expect((await read('slow', 1)).texts).toEqual(['4']);
});

test('shedding also gives up a large slice that still takes records', async () => {
  const { log, slices, read } = await makeLog();
  const value = Buffer.alloc(1_000_000, 'x');
  for (let i = 0; i < 3; i += 1) await log.append(topic.name, [{ key: 'a', value }]);
  await read('only', 3);
  expect((await log.shed(1)).bytes).toBeGreaterThan(0);
  expect(await slices()).toHaveLength(1);
  await log.append(topic.name, [recordOf('a', 'next')]);
  expect((await read('only', 1)).texts).toEqual(['next']);
  expect((await contentOf(log, topic)).map(({ offset }) => offset)).toEqual([3]);
});

test('a slice ends at its size, too', async () => {
  const { log, slices } = await makeLog({ maxSliceBytes: 1000 });
  for (let i = 0; i < 10; i += 1) await log.append(topic.name, [{ key: 'a', value: Buffer.alloc(400) }]);
  expect((await slices()).length).toBeGreaterThan(2);
  expect(await contentOf(log, topic)).toHaveLength(10);
});

test('over budget nothing is appended', async () => {
  const { log } = await makeLog();
  log.setOverBudget(true);
  expect(log.healthy()).toBe(false);
  await expect(log.append(topic.name, [recordOf('a', '0')])).rejects.toSatisfy(
    (e: unknown) => e instanceof RetryableError && e.code === 'over-budget',
  );
  log.setOverBudget(false);
  await log.append(topic.name, [recordOf('a', '1')]);
  expect(await texts(log)).toEqual(['1']);
  expect(log.healthy()).toBe(true);
});

test('a topic that is kept in another way than it is specified is left so, and told', async () => {
  const errors: unknown[] = [];
  const { log, directory, clock } = await makeLog();
  await log.append(topic.name, [recordOf('a', '0'), recordOf('a', '1')]);
  await log.stop(1000);
  const again = new LocalLog({ directory, clock, logger: silentLogger, onError: (error) => errors.push(error) });
  onTestFinished(() => again.stop(0));
  await again.start();
  await again.ensureTopics([{ ...topic, retentionHours: undefined }]);
  expect(errors).toHaveLength(1);
  await again.append(topic.name, [recordOf('a', '2')]);
  expect(await texts(again)).toEqual(['0', '1', '2']);
});
