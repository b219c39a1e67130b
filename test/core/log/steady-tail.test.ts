import { expect, onTestFinished, test } from 'vitest';
import { SteadyTail } from '../../../core/log/steady-tail.js';
import type { LogBatch } from '../../../core/log/log.js';
import { systemClock } from '../../../core/runtime/clock.js';
import { silentLogger } from '../../../core/runtime/logger.js';
import { MemoryLog } from '../../support/memory-log.js';
import { waitFor } from '../../servers/wait-for.js';

async function openLog(): Promise<MemoryLog> {
  const log = new MemoryLog();
  await log.ensureTopics([{ name: 'events', partitions: 2, compression: 'none' }]);
  return log;
}

function tailOf(log: MemoryLog) {
  const heard: string[] = [];
  const onBatch = ({ records }: LogBatch): void => void heard.push(...records.map(({ key }) => key));
  const quick = { ...systemClock, sleep: () => systemClock.sleep(1) };
  const tail = new SteadyTail({ log, topic: 'events', from: 'beginning', onBatch, clock: quick, logger: silentLogger });
  onTestFinished(() => tail.stop(100));
  return { tail, heard };
}

const say = (log: MemoryLog, key: string) => log.append('events', [{ key, value: Buffer.from(key) }]);

test('a tail that has ended begins anew, from the beginning', async () => {
  const log = await openLog();
  await say(log, 'a');
  const { tail, heard } = tailOf(log);
  await tail.start();
  expect(heard).toEqual(['a']);
  log.endTails(new Error('out of range'));
  await say(log, 'b');
  await waitFor('what came after the end', 2000, () => heard.includes('b'), 2);
  expect(heard.filter((key) => key === 'a')).toHaveLength(2);
});

test('it waits for a log that cannot be read yet', async () => {
  const log = await openLog();
  await say(log, 'a');
  const { tail, heard } = tailOf(log);
  const open = log.tail.bind(log);
  let tries = 0;
  log.tail = (options) => ((tries += 1) < 3 ? Promise.reject(new Error('away')) : open(options));
  await tail.start();
  expect([heard, tries]).toEqual([['a'], 3]);
});

test('stopped while it waits, its start rejects and it hears nothing more', async () => {
  const log = await openLog();
  const { tail, heard } = tailOf(log);
  log.tail = () => new Promise(() => undefined);
  const starting = tail.start();
  await tail.stop(100);
  await expect(starting).rejects.toMatchObject({ code: 'stopped' });
  await say(log, 'a');
  expect(heard).toEqual([]);
});
