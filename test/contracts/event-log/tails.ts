import { describe, expect, test } from 'vitest';
import { Collector, contentOf, type MakeHarness, openLog, recordOf, topicOf, until } from './harness.js';

const numbers = (count: number, from = 0): string[] => Array.from({ length: count }, (_, i) => `${from + i}`);

export function tailSuite(make: MakeHarness): void {
  describe('tails', () => {
    test('from the beginning hand out all that stood there before they have caught up, then follow', async () => {
      const topics = [topicOf(), topicOf({ partitions: 1 })];
      const harness = await make();
      const log = await openLog(harness, ...topics);
      for (const { name } of topics) {
        for (const text of numbers(200)) void log.append(name, [recordOf(`key-${text}`, text)]);
        await log.append(name, [recordOf('last', 'last')]);
      }
      await until(
        async () =>
          (await log.lag(
            'nobody',
            topics.map(({ name }) => name),
          )) === 402,
        harness.withinMs,
      );
      const readers = [new Collector(), new Collector()];
      for (const { onBatch, onError } of readers) {
        const tail = await log.tail({ topics: topics.map(({ name }) => name), from: 'beginning', onBatch, onError });
        await tail.caughtUp;
      }
      for (const reader of readers) expect(reader.records).toHaveLength(402);
      await log.append(topics[0]!.name, [recordOf('a', 'later')]);
      for (const reader of readers) {
        await reader.has(403, harness.withinMs);
        expect(reader.texts.at(-1)).toBe('later');
        expect(reader.errors).toEqual([]);
      }
    });

    test('have caught up at once where there is nothing', async () => {
      const topic = topicOf();
      const log = await openLog(await make(), topic);
      expect(await contentOf(log, topic)).toEqual([]);
    });

    test('from the end see only what comes later', async () => {
      const topic = topicOf();
      const harness = await make();
      const log = await openLog(harness, topic);
      await log.append(
        topic.name,
        numbers(20).map((text) => recordOf(`key-${text}`, text)),
      );
      const seen = new Collector();
      const tail = await log.tail({ topics: [topic.name], from: 'end', onBatch: seen.onBatch });
      await tail.caughtUp;
      await log.append(topic.name, [recordOf('a', 'later')]);
      await seen.has(1, harness.withinMs);
      expect(seen.texts).toEqual(['later']);
    });

    test('hand out one batch at a time', async () => {
      const topic = topicOf();
      const harness = await make();
      const log = await openLog(harness, topic);
      let inWork = 0;
      let most = 0;
      const seen = new Collector();
      const onBatch: typeof seen.onBatch = async (batch) => {
        most = Math.max(most, (inWork += 1));
        await seen.onBatch(batch);
        await new Promise((resolve) => setImmediate(resolve));
        inWork -= 1;
      };
      await log.tail({ topics: [topic.name], from: 'beginning', onBatch });
      for (const text of numbers(50)) await log.append(topic.name, [recordOf(`key-${text}`, text)]);
      await seen.has(50, harness.withinMs);
      expect(most).toBe(1);
    });

    test('end with a rejection, which onError and caughtUp tell', async () => {
      const topic = topicOf({ partitions: 1 });
      const harness = await make();
      const log = await openLog(harness, topic);
      await log.append(topic.name, [recordOf('a', '1')]);
      const failure = new Error('no more');
      const seen = new Collector();
      const onBatch: typeof seen.onBatch = async (batch) => {
        await seen.onBatch(batch);
        throw failure;
      };
      const tail = await log.tail({ topics: [topic.name], from: 'beginning', onBatch, onError: seen.onError });
      await expect(tail.caughtUp).rejects.toBe(failure);
      await until(() => seen.errors.length > 0, harness.withinMs);
      await log.append(topic.name, [recordOf('a', '2')]);
      const other = await contentOf(log, topic);
      expect([other.length, seen.texts, seen.errors]).toEqual([2, ['1'], [failure]]);
    });

    test('hand out nothing after their stop', async () => {
      const topic = topicOf();
      const harness = await make();
      const log = await openLog(harness, topic);
      const seen = new Collector();
      const tail = await log.tail({ topics: [topic.name], from: 'beginning', onBatch: seen.onBatch });
      await log.append(topic.name, [recordOf('a', '1')]);
      await seen.has(1, harness.withinMs);
      await tail.stop(1000);
      await log.append(topic.name, [recordOf('a', '2')]);
      expect(await contentOf(log, topic)).toHaveLength(2);
      expect(seen.texts).toEqual(['1']);
    });
  });
}
