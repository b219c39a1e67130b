import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { logTopics } from '../../../core/contract/log-topics.js';
import { systemClock } from '../../../core/runtime/clock.js';
import { silentLogger } from '../../../core/runtime/logger.js';
import { SpooledLog } from '../../../gateway/spool/spooled-log.js';
import { uniqueName } from '../../contracts/event-log/harness.js';
import { MemoryLog } from '../../support/memory-log.js';
import { tempDir } from '../../support/temp-dir.js';
import { waitFor } from '../../servers/wait-for.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
// Inside the project, or the child would not find the packages.
const child = join(root, 'node_modules/.cache', `${uniqueName('spool-forever')}.mjs`);

beforeAll(async () => {
  const entryPoints = [join(root, 'test/gateway/spool/spool-forever.ts')];
  const target = { platform: 'node', format: 'esm', packages: 'external' } as const;
  await build({ entryPoints, outfile: child, bundle: true, ...target, logLevel: 'error' });
});
afterAll(() => rm(child, { force: true }));

/** A process with the spool, whose log is away, killed after some hundred acknowledgements; resolves with them. */
async function killed(directory: string): Promise<string[]> {
  const running = spawn(process.execPath, [child, directory], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void running.kill('SIGKILL'));
  const acknowledged: string[] = [];
  createInterface({ input: running.stdout }).on('line', (line) => acknowledged.push(line));
  await waitFor('acknowledgements', 60_000, () => acknowledged.length > 300);
  running.kill('SIGKILL');
  await once(running, 'close');
  return acknowledged;
}

test('kill -9 between acknowledgement and forwarding: all of it reaches the log, once and in order', async () => {
  const directory = await tempDir();
  const acknowledged = [...(await killed(directory)), ...(await killed(directory))];
  const memory = new MemoryLog();
  await memory.ensureTopics(Object.values(logTopics));
  const limits = { maxBytes: 64 * 1024 * 1024, maxAgeMs: 3_600_000, drainBytesPerSecond: 1e9 };
  const seams = { clock: systemClock, logger: silentLogger, registry: new Registry() };
  const spool = new SpooledLog({ directory, log: memory, ...limits, ...seams });
  onTestFinished(() => spool.stop(1000));
  await spool.start();
  await waitFor('all was forwarded', 60_000, () => spool.status().pending === 0);
  const found = ['sensor-readings', 'alerts'].flatMap((topic) =>
    memory
      .records(topic)
      .map(({ key, value, headers }) => ({ topic, key, headers, text: Buffer.from(value).toString() })),
  );
  const there = new Set(found.map(({ topic, text }) => `${topic} ${text}`));
  expect(there.size).toBe(found.length);
  expect(acknowledged.filter((line) => !there.has(line))).toEqual([]);
  const lastOf = new Map<string, number>();
  for (const { topic, key, headers } of found) {
    const n = Number(headers!['n']);
    expect(n).toBeGreaterThan(lastOf.get(`${topic} ${key}`) ?? -1);
    lastOf.set(`${topic} ${key}`, n);
  }
});
