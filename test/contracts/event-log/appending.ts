import { describe, expect, test } from 'vitest';
import type { LogRecord } from '../../../core/log/log.js';
import { maxRecordBytes } from '../../../core/log/record-limits.js';
import { RejectedError, RetryableError } from '../../../core/runtime/errors.js';
import {
  compactedTopic,
  Collector,
  contentOf,
  type MakeHarness,
  openLog,
  recordOf,
  textOf,
  topicOf,
  until,
} from './harness.js';

export function appendingSuite(make: MakeHarness): void {
  describe('appending', () => {
    test('keeps the order of each key and all records', async () => {
      const topic = topicOf();
      const log = await openLog(await make(), topic);
      const keys = Array.from({ length: 17 }, (_, i) => `site/device-${i}`);
      const rounds = Array.from({ length: 40 }, (_, round) => keys.map((key) => recordOf(key, `${round}`)));
      await Promise.all(rounds.map((records) => log.append(topic.name, records)));
      const content = await contentOf(log, topic);
      for (const key of keys) {
        const texts = content.filter((record) => record.key === key).map(({ value }) => Number(textOf(value)));
        expect(texts).toEqual(rounds.map((_, round) => round));
      }
    });

    test('gives back keys, values, headers and times as they were', async () => {
      const topic = topicOf({ partitions: 1 });
      const log = await openLog(await make(), topic);
      const everyByte = Uint8Array.from({ length: 256 }, (_, i) => i);
      const records: LogRecord[] = [
        { key: 'site/gerät-1', value: everyByte, headers: { reason: 'schema', detail: 'Größe: 5 µm' } },
        { key: 'site/device', value: new Uint8Array(0) },
        { key: '', value: Buffer.from('no key'), headers: { empty: '' } },
      ];
      const beforeUs = (Date.now() - 1000) * 1000;
      await log.append(topic.name, records);
      const content = await contentOf(log, topic);
      expect(content.map(({ key, value, headers }) => ({ key, value: [...value], headers: headers ?? {} }))).toEqual(
        records.map(({ key, value, headers }) => ({ key, value: [...value], headers: headers ?? {} })),
      );
      const [first, second, third] = content.map(({ offset }) => offset);
      expect([first! < second!, second! < third!]).toEqual([true, true]);
      for (const { appendedUs } of content) {
        expect(appendedUs).toBeGreaterThan(beforeUs);
        expect(appendedUs).toBeLessThan((Date.now() + 1000) * 1000);
      }
    });

    test('does not share memory with its caller', async () => {
      const topic = topicOf();
      const log = await openLog(await make(), topic);
      const value = Buffer.from('before');
      await log.append(topic.name, [{ key: 'a', value }]);
      value.write('after!');
      expect((await contentOf(log, topic)).map((record) => textOf(record.value))).toEqual(['before']);
    });

    test('takes a value of 1 MiB and refuses a larger record with all of its call', async () => {
      const topic = topicOf({ partitions: 1 });
      const log = await openLog(await make(), topic);
      const large = Buffer.alloc(1_048_576, 'fieldline ');
      await log.append(topic.name, [{ key: 'a', value: large }]);
      const call = [recordOf('a', 'small'), { key: 'a', value: Buffer.alloc(maxRecordBytes) }];
      await expect(log.append(topic.name, call)).rejects.toSatisfy(
        (error: unknown) => error instanceof RejectedError && error.code === 'too-large',
      );
      const content = await contentOf(log, topic);
      expect(content.map(({ value }) => Buffer.compare(value, large))).toEqual([0]);
    });

    test('takes an empty call and refuses a topic that it does not have', async () => {
      const topic = topicOf();
      const log = await openLog(await make(), topic);
      await log.append(topic.name, []);
      await expect(log.append('no-such-topic', [recordOf('a', '1')])).rejects.toBeInstanceOf(RejectedError);
      expect(await contentOf(log, topic)).toEqual([]);
    });

    test('holds 10,000 records of 50 callers once each', async () => {
      const topic = topicOf();
      const harness = await make();
      const log = await openLog(harness, topic);
      const caller = async (id: number): Promise<void> => {
        for (let i = 0; i < 50; i += 1) {
          const texts = Array.from({ length: 4 }, (_, j) => `${id}:${i * 4 + j}`);
          await log.append(
            topic.name,
            texts.map((text) => recordOf(`caller-${id}`, text)),
          );
        }
      };
      await Promise.all(Array.from({ length: 50 }, (_, id) => caller(id)));
      const content = await contentOf(log, topic);
      expect(content).toHaveLength(10_000);
      const next = new Map<string, number>();
      for (const { key, value } of content) {
        const [id, i] = textOf(value).split(':');
        expect([key, Number(i)]).toEqual([`caller-${id}`, next.get(key) ?? 0]);
        next.set(key, Number(i) + 1);
      }
    });

    test('is there after it was opened again', async () => {
      const topic = topicOf();
      const harness = await make();
      const log = await openLog(harness, topic);
      await log.append(topic.name, [recordOf('a', '1'), recordOf('b', '2')]);
      await log.stop(2000);
      const again = await openLog(harness, topic);
      await again.append(topic.name, [recordOf('a', '3')]);
      const texts = (await contentOf(again, topic)).map(({ value }) => textOf(value));
      expect(texts.sort()).toEqual(['1', '2', '3']);
    });

    test('a stop ends the appends under way: what was acknowledged is there', async () => {
      const topic = topicOf();
      const harness = await make();
      const log = await openLog(harness, topic);
      const acknowledged: string[] = [];
      const refused: unknown[] = [];
      const caller = async (id: number): Promise<void> => {
        for (let i = 0; refused.length === 0; i += 1) {
          const text = `${id}:${i}`;
          await log.append(topic.name, [recordOf(`caller-${id}`, text)]).then(
            () => acknowledged.push(text),
            (error: unknown) => refused.push(error),
          );
        }
      };
      const callers = Array.from({ length: 20 }, (_, id) => caller(id));
      await until(() => acknowledged.length > 100, harness.withinMs);
      await log.stop(5000);
      await Promise.all(callers);
      expect(refused.every((error) => error instanceof RetryableError && error.code === 'stopped')).toBe(true);
      expect(log.healthy()).toBe(false);
      const again = await openLog(harness, topic);
      expect(again.healthy()).toBe(true);
      const there = new Set((await contentOf(again, topic)).map(({ value }) => textOf(value)));
      expect(acknowledged.filter((text) => !there.has(text))).toEqual([]);
    });

    test('a compacted topic keeps the newest record of each key; who follows sees every one', async () => {
      const topic = compactedTopic();
      const harness = await make();
      const log = await openLog(harness, topic);
      const following = new Collector();
      await log.tail({ topics: [topic.name], from: 'end', onBatch: following.onBatch });
      const appended: string[] = [];
      for (let round = 0; round < 5; round += 1) {
        const records = ['a', 'b', 'a'].map((key, i) => recordOf(key, `${key}${round}${i}`));
        appended.push(...records.map(({ value }) => textOf(value)));
        await log.append(topic.name, records);
      }
      await harness.compact?.(topic.name);
      await log.append(topic.name, [recordOf('c', 'c')]);
      await following.has(16, harness.withinMs);
      expect(following.texts).toEqual([...appended, 'c']);
      await log.stop(2000);
      const again = await openLog(harness, topic);
      const others = async () =>
        (await contentOf(again, topic)).map(({ value }) => textOf(value)).filter((t) => t !== 'c');
      // A broker leaves its newest segment alone, and a setting may reach it only after the append above.
      await until(async () => {
        await again.append(topic.name, [recordOf('c', 'c')]);
        return (await others()).length === 2;
      }, harness.withinMs);
      expect(await others()).toEqual(['b41', 'a42']);
    });
  });
}
