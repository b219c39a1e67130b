import { describe, expect, test } from 'vitest';
import type { EventLog, StoredRecord } from '../../../core/log/log.js';
import { compactedTopic, contentOf, type MakeHarness, openLog, recordOf, textOf, topicOf } from './harness.js';

/** All records of a partition, read by hand. */
async function readAll(log: EventLog, topic: string, partition: number, step: number): Promise<StoredRecord[]> {
  const all: StoredRecord[] = [];
  for (let from = 0; ; from = all.at(-1)!.offset + 1) {
    const records = await log.read(topic, partition, from, step);
    if (records.length === 0) return all;
    expect(records.length).toBeLessThanOrEqual(step);
    all.push(...records);
  }
}

export function readingSuite(make: MakeHarness): void {
  describe('reading at an offset', () => {
    test('gives what a tail gives, partition by partition, with its headers', async () => {
      const topic = topicOf();
      const log = await openLog(await make(), topic);
      const records = Array.from({ length: 50 }, (_, i) => ({
        ...recordOf(`key-${i}`, `${i}`),
        headers: { n: `${i}` },
      }));
      await log.append(topic.name, records);
      const bounds = await log.bounds(topic.name);
      const read = await Promise.all(bounds.map(({ partition }) => readAll(log, topic.name, partition, 7)));
      const plain = ({ key, value, headers, offset }: StoredRecord) => [key, textOf(value), headers, offset];
      const sorted = (all: StoredRecord[]) => all.map(plain).sort((a, b) => Number(a[1]) - Number(b[1]));
      expect(sorted(read.flat())).toEqual(sorted(await contentOf(log, topic)));
      expect(bounds.map(({ first, next }) => next - first)).toEqual(read.map(({ length }) => length));
    });

    test('gives nothing at the end, in an empty topic, and where there is no such partition', async () => {
      const topic = topicOf({ partitions: 1 });
      const log = await openLog(await make(), topic);
      expect(await log.bounds(topic.name)).toEqual([{ partition: 0, first: 0, next: 0 }]);
      expect(await log.read(topic.name, 0, 0, 10)).toEqual([]);
      await log.append(topic.name, [recordOf('a', '1')]);
      const { next } = (await log.bounds(topic.name))[0]!;
      expect(await log.read(topic.name, 0, next, 10)).toEqual([]);
      expect(await log.read(topic.name, 0, next + 100, 10)).toEqual([]);
      expect(await log.read(topic.name, 7, 0, 10)).toEqual([]);
    });

    test('goes over what compaction took', async () => {
      const topic = compactedTopic();
      const harness = await make();
      const log = await openLog(harness, topic);
      for (let i = 0; i < 20; i += 1) await log.append(topic.name, [recordOf('same', `${i}`)]);
      await harness.compact?.(topic.name);
      const read = await readAll(log, topic.name, 0, 10);
      expect(textOf(read.at(-1)!.value)).toBe('19');
    });
  });
}
