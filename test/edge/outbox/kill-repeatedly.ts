import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { expect, onTestFinished } from 'vitest';
import { LevelOutbox } from '../../../edge/outbox/level-outbox.js';
import { drain } from '../../contracts/outbox/harness.js';
import { decodeTraced } from '../../contracts/outbox/traced-pack.js';
import { waitFor } from '../../servers/wait-for.js';
import { tempDir } from '../../support/temp-dir.js';
import { levelOptions } from './level-under-test.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));

async function buildChild(): Promise<string> {
  // Inside the project, or the child would not find the packages.
  const outfile = join(root, 'node_modules/.cache', `append-for-ever-${process.pid}.mjs`);
  const entryPoints = [join(root, 'test/edge/outbox/append-for-ever.ts')];
  const target = { platform: 'node', format: 'esm', packages: 'external' } as const;
  await build({ entryPoints, outfile, bundle: true, conditions: ['source'], ...target, logLevel: 'error' });
  onTestFinished(() => rm(outfile, { force: true }));
  return outfile;
}

/** One life: it ends by SIGKILL after a random number of acknowledged appends. */
async function live(child: string, directory: string, life: number, acknowledged: Map<number, string>): Promise<void> {
  const running = spawn(process.execPath, [child, directory, `life${life}`], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void running.kill('SIGKILL'));
  let lines = 0;
  createInterface({ input: running.stdout }).on('line', (line) => {
    const [word, seq, name] = line.split(' ') as [string, string, string];
    expect(word).toBe('ok');
    expect(acknowledged.has(Number(seq)), `${seq} was given twice`).toBe(false);
    acknowledged.set(Number(seq), name);
    lines += 1;
  });
  const closed = once(running, 'close');
  const enough = 1 + Math.floor(Math.random() * 400);
  await waitFor(`${enough} appends`, 30_000, () => lines >= enough, 1);
  running.kill('SIGKILL');
  await closed;
}

/** Kills an appending process so many times; nothing that it said was safe may be missing or there twice. */
export async function killRepeatedly(lives: number): Promise<void> {
  const directory = await tempDir();
  const child = await buildChild();
  const acknowledged = new Map<number, string>();
  for (let life = 0; life < lives; life += 1) await live(child, directory, life, acknowledged);

  const outbox = new LevelOutbox(levelOptions(directory, { maxBytes: 256 * 1024 * 1024 }));
  await outbox.start();
  onTestFinished(() => outbox.stop(1000));
  const { lastSeq, oldestHeld } = outbox.status();
  expect(oldestHeld).toBe(0);
  await outbox.resend(0, lastSeq);
  const held = await drain(outbox);
  const bySeq = new Map(held.map(({ seq, payload }) => [seq, decodeTraced(payload).readings[0]!]));
  expect([...bySeq.keys()].sort((a, b) => a - b)).toEqual([...Array(lastSeq + 1).keys()]);
  expect(new Set(bySeq.values()).size).toBe(held.length);
  expect([...acknowledged].filter(([seq, name]) => bySeq.get(seq) !== name)).toEqual([]);
  expect(acknowledged.size).toBeGreaterThan(lives);
}
