import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { ChainedBatchWriteOptions } from 'classic-level';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { LocalLog, type LocalLogOptions } from '../../../core/log/local-log.js';
import { type Level, openLevel } from '../../../core/log/local/level-file.js';
import { systemClock } from '../../../core/runtime/clock.js';
import { FatalError } from '../../../core/runtime/errors.js';
import { silentLogger } from '../../../core/runtime/logger.js';
import {
  Collector,
  contentOf,
  recordOf,
  textOf,
  topicOf,
  uniqueName,
  until,
} from '../../contracts/event-log/harness.js';
import { tempDir } from '../../support/temp-dir.js';

const topic = topicOf({ name: 'readings' });
const root = fileURLToPath(new URL('../../..', import.meta.url));
// Inside the project, or the child would not find the packages.
const child = join(root, 'node_modules/.cache', `${uniqueName('append-forever')}.mjs`);

beforeAll(async () => {
  const entryPoints = [join(root, 'test/core/log/append-forever.ts')];
  const target = { platform: 'node', format: 'esm', packages: 'external' } as const;
  await build({ entryPoints, outfile: child, bundle: true, ...target, logLevel: 'error' });
});
afterAll(() => rm(child, { force: true }));

async function openLog(directory: string, options: Partial<LocalLogOptions> = {}): Promise<LocalLog> {
  const log = new LocalLog({ directory, clock: systemClock, logger: silentLogger, ...options });
  onTestFinished(() => log.stop(0));
  await log.start();
  await log.ensureTopics([topic]);
  return log;
}

/** A process that appends numbers and prints those that were acknowledged. */
function appendInChild(directory: string, limit = 'true'): { process: ChildProcess; acknowledged: string[] } {
  const command = `${limit} && exec "${process.execPath}" "${child}" "${directory}" ${topic.name}`;
  const running = spawn('sh', ['-c', command], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void running.kill('SIGKILL'));
  const acknowledged: string[] = [];
  createInterface({ input: running.stdout }).on('line', (line) => acknowledged.push(line));
  return { process: running, acknowledged };
}

test('what was acknowledged survives kill -9, again and again', async () => {
  const directory = await tempDir();
  const acknowledged: string[] = [];
  for (let round = 0; round < 3; round += 1) {
    const appending = appendInChild(directory);
    await until(() => appending.acknowledged.length > 300, 15_000);
    appending.process.kill('SIGKILL');
    await once(appending.process, 'close');
    acknowledged.push(...appending.acknowledged);
  }
  const log = await openLog(directory);
  const content = (await contentOf(log, topic)).map(({ value }) => textOf(value).trim());
  const there = new Set(content);
  expect(there.size).toBe(content.length);
  expect(acknowledged.filter((text) => !there.has(text))).toEqual([]);
});

test('a write that the disk refuses half-way is repeated until it succeeds, and is there once', async () => {
  const directory = await tempDir();
  // No file may grow above 512 kB: LevelDB's own log runs into that again and again, in the middle of a record.
  const appending = appendInChild(directory, 'ulimit -f 1000');
  await until(() => appending.acknowledged.length > 2500, 15_000);
  appending.process.kill('SIGTERM');
  const [code] = (await once(appending.process, 'close')) as [number];
  expect(code).toBe(0);
  const log = await openLog(directory);
  const content = (await contentOf(log, topic)).map(({ value }) => textOf(value).trim());
  expect(new Set(content).size).toBe(content.length);
  expect(content).toEqual(expect.arrayContaining(appending.acknowledged));
});

/** A LevelDB whose writes fail while `isFull` says so, as LevelDB reports it. */
function failing(isFull: () => boolean, afterWriting = false): typeof openLevel {
  const refuse = (): never => {
    throw Object.assign(new Error('IO error: No space left on device'), { code: 'LEVEL_IO_ERROR' });
  };
  return async (location) => {
    const level = await openLevel(location);
    const batch = (): ReturnType<Level['batch']> => {
      const real = level.batch();
      const write = real.write.bind(real);
      real.write = async (options: ChainedBatchWriteOptions = {}) => {
        if (isFull() && !afterWriting) refuse();
        await write(options);
        if (isFull()) refuse();
      };
      return real;
    };
    return new Proxy(level, {
      get: (target, name) => {
        if (name === 'batch') return batch;
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
  };
}

test.each([false, true])('a full disk loses and repeats nothing (written all the same: %s)', async (afterWriting) => {
  const directory = await tempDir();
  let isFull = false;
  const log = await openLog(directory, { openLevel: failing(() => isFull, afterWriting) });
  await log.append(topic.name, [recordOf('a', '0')]);
  isFull = true;
  let isAcknowledged = false;
  const waiting = log.append(topic.name, [recordOf('a', '1')]).then(() => (isAcknowledged = true));
  const behind = log.append(topic.name, [recordOf('a', '2')]);
  await until(() => !log.healthy(), 3000);
  expect(isAcknowledged).toBe(false);
  isFull = false;
  await Promise.all([waiting, behind]);
  expect(log.healthy()).toBe(true);
  await log.stop(1000);
  const again = await openLog(directory);
  expect((await contentOf(again, topic)).map(({ value }) => textOf(value))).toEqual(['0', '1', '2']);
});

test('a full disk does not hold up a stop: the append may come again', async () => {
  let isFull = false;
  const log = await openLog(await tempDir(), { openLevel: failing(() => isFull) });
  isFull = true;
  const waiting = Promise.allSettled([
    log.append(topic.name, [recordOf('a', '1')]),
    log.append(topic.name, [recordOf('a', '2')]),
  ]);
  await until(() => !log.healthy(), 3000);
  await log.stop(100);
  expect(await waiting).toMatchObject([{ reason: { code: 'stopped' } }, { reason: { code: 'stopped' } }]);
});

test('a commit that fails is repeated, and the group goes on', async () => {
  const directory = await tempDir();
  let isFull = false;
  const log = await openLog(directory, { openLevel: failing(() => isFull) });
  const seen = new Collector();
  const onBatch: typeof seen.onBatch = async (batch) => {
    await seen.onBatch(batch);
    isFull = true;
  };
  await log.subscribe({ ...seen.group([topic], 'group'), onBatch });
  await log.append(topic.name, [recordOf('a', '0')]);
  await until(() => isFull && !log.healthy(), 3000);
  isFull = false;
  await until(async () => (await log.lag('group', [topic.name])) === 0, 3000);
  expect([seen.texts, seen.errors]).toEqual([['0'], []]);
});

test('a log belongs to one process, and to programs that know its format', async () => {
  const directory = await tempDir();
  const log = await openLog(directory);
  const other = new LocalLog({ directory, clock: systemClock, logger: silentLogger });
  await expect(other.start()).rejects.toSatisfy((e: unknown) => e instanceof FatalError && e.code === 'locked');
  await log.stop(1000);
  expect(await readFile(join(directory, 'format'), 'utf8')).toBe('1\n');
  await writeFile(join(directory, 'format'), '2\n');
  await expect(other.start()).rejects.toSatisfy(
    (e: unknown) => e instanceof FatalError && e.code === 'bad-data-format',
  );
});
