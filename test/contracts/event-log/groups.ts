import { describe, expect, test } from 'vitest';
import type { GroupOptions } from '../../../core/log/log.js';
import { Collector, type MakeHarness, openLog, recordOf, textOf, topicOf, uniqueName, until } from './harness.js';

const numbers = (count: number, from = 0): string[] => Array.from({ length: count }, (_, i) => `${from + i}`);

export function groupSuite(make: MakeHarness): void {
  describe('groups', () => {
    test('begin at the beginning, follow, and go on where they committed', async () => {
      const topic = topicOf({ partitions: 1 });
      const harness = await make();
      const log = await openLog(harness, topic);
      const group = uniqueName('group');
      await log.append(
        topic.name,
        numbers(10).map((text) => recordOf('a', text)),
      );
      const first = new Collector();
      const subscription = await log.subscribe(first.group([topic], group));
      await first.has(10, harness.withinMs);
      await log.append(
        topic.name,
        numbers(10, 10).map((text) => recordOf('a', text)),
      );
      await first.has(20, harness.withinMs);
      await subscription.stop(5000);
      expect(first.texts).toEqual(numbers(20));
      await log.append(topic.name, [recordOf('a', '20')]);
      await log.stop(2000);
      const again = await openLog(harness, topic);
      const second = new Collector();
      await again.subscribe(second.group([topic], group));
      await second.has(1, harness.withinMs);
      expect(second.texts).toEqual(['20']);
    });

    test('are independent of each other', async () => {
      const topic = topicOf();
      const harness = await make();
      const log = await openLog(harness, topic);
      const readers = [new Collector(), new Collector(), new Collector()];
      for (const reader of readers) await log.subscribe(reader.group([topic]));
      await log.append(
        topic.name,
        numbers(100).map((text) => recordOf(`key-${text}`, text)),
      );
      for (const reader of readers) {
        await reader.has(100, harness.withinMs);
        expect(reader.texts.sort()).toEqual(numbers(100).sort());
      }
    });

    test('read several topics', async () => {
      const topics = [topicOf(), topicOf({ partitions: 1 })];
      const harness = await make();
      const log = await openLog(harness, ...topics);
      const seen = new Collector();
      await log.subscribe(seen.group(topics));
      for (const { name } of topics) await log.append(name, [recordOf('a', name)]);
      await seen.has(2, harness.withinMs);
      expect(seen.batches.map(({ topic, records }) => [topic, textOf(records[0]!.value)]).sort()).toEqual(
        topics.map(({ name }) => [name, name]).sort(),
      );
    });

    test('get the same records again after a rejection, and nothing behind them before', async () => {
      const topic = topicOf({ partitions: 1 });
      const other = topicOf({ partitions: 1 });
      const harness = await make();
      const log = await openLog(harness, topic, other);
      await log.append(
        topic.name,
        numbers(5).map((text) => recordOf('a', text)),
      );
      const handed: string[][] = [];
      const seen = new Collector();
      const failure = new Error('the store is away');
      const onBatch: GroupOptions['onBatch'] = async (batch) => {
        if (batch.topic === other.name) return seen.onBatch(batch);
        handed.push(batch.records.map(({ value }) => textOf(value)));
        if (handed.length === 1) await log.append(topic.name, [recordOf('a', '5')]);
        if (handed.length < 4) throw failure;
        await seen.onBatch(batch);
      };
      await log.subscribe({ ...seen.group([topic, other]), onBatch });
      await until(() => handed.length >= 2, harness.withinMs);
      await log.append(other.name, [recordOf('a', 'other')]);
      await until(() => seen.texts.includes('5') && seen.texts.includes('other'), harness.withinMs);
      expect(handed.slice(1, 4)).toEqual([handed[0], handed[0], handed[0]]);
      expect(seen.texts.filter((text) => text !== 'other')).toEqual(numbers(6));
      expect(seen.errors).toEqual([failure, failure, failure]);
    });

    test('get again what they had not committed when they ended', async () => {
      const topic = topicOf({ partitions: 1 });
      const harness = await make();
      const log = await openLog(harness, topic);
      const group = uniqueName('group');
      const first = new Collector();
      const subscription = await log.subscribe(first.group([topic], group));
      await log.append(topic.name, [recordOf('a', 'taken')]);
      await first.has(1, harness.withinMs);
      await until(async () => (await log.lag(group, [topic.name])) === 0, harness.withinMs);
      await subscription.stop(5000);
      let isHeld = false;
      const held: GroupOptions['onBatch'] = () => {
        isHeld = true;
        return new Promise(() => undefined);
      };
      const hung = await log.subscribe({ ...first.group([topic], group), onBatch: held });
      await log.append(topic.name, [recordOf('a', 'held')]);
      await until(() => isHeld, harness.withinMs);
      await hung.stop(50);
      await log.stop(2000);
      const again = await openLog(harness, topic);
      const second = new Collector();
      await again.subscribe(second.group([topic], group));
      await second.has(1, harness.withinMs);
      expect(second.texts).toEqual(['held']);
    });

    test('share their partitions: each record goes to one member, and one takes over from the other', async () => {
      const topic = topicOf({ partitions: 4 });
      const harness = await make();
      const log = await openLog(harness, topic);
      const group = uniqueName('group');
      const [one, two] = [new Collector(), new Collector()];
      const first = await log.subscribe(one.group([topic], group));
      await log.append(
        topic.name,
        numbers(50).map((text) => recordOf(`key-${text}`, text)),
      );
      await one.has(50, harness.withinMs);
      await log.subscribe(two.group([topic], group));
      await first.stop(5000);
      const before = one.records.length;
      await log.append(
        topic.name,
        numbers(50, 50).map((text) => recordOf(`key-${text}`, text)),
      );
      await until(() => new Set([...one.texts, ...two.texts]).size === 100, harness.withinMs);
      expect(one.records.length).toBe(before);
      expect(numbers(50, 50).every((text) => two.texts.includes(text))).toBe(true);
    });

    test('stop waits for the batch in work and commits it', async () => {
      const topic = topicOf({ partitions: 1 });
      const harness = await make();
      const log = await openLog(harness, topic);
      const group = uniqueName('group');
      let finish: () => void = () => undefined;
      let isWorking = false;
      const onBatch: GroupOptions['onBatch'] = (_, alive) => {
        isWorking = true;
        return new Promise((resolve) => (finish = () => void alive().then(resolve)));
      };
      const subscription = await log.subscribe({ group, topics: [topic.name], onBatch });
      await log.append(topic.name, [recordOf('a', '1')]);
      await until(() => isWorking, harness.withinMs);
      const stopped = subscription.stop(10_000);
      finish();
      await stopped;
      expect(await log.lag(group, [topic.name])).toBe(0);
    });

    test('have a lag of what they have not committed', async () => {
      const topics = [topicOf(), topicOf()];
      const harness = await make();
      const log = await openLog(harness, ...topics);
      const names = topics.map(({ name }) => name);
      const group = uniqueName('group');
      for (const name of names)
        await log.append(
          name,
          numbers(30).map((text) => recordOf(`key-${text}`, text)),
        );
      expect(await log.lag(group, names)).toBe(60);
      const seen = new Collector();
      const subscription = await log.subscribe(seen.group(topics, group));
      await until(async () => (await log.lag(group, names)) === 0, harness.withinMs);
      await subscription.stop(5000);
      await log.append(
        names[0]!,
        numbers(7).map((text) => recordOf(`key-${text}`, text)),
      );
      expect(await log.lag(group, names)).toBe(7);
      expect(await log.lag(group, [names[1]!])).toBe(0);
    });
  });
}
