import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { processMark } from './process-mark.js';
import { openServerFolder, sweepRuns } from './run-folder.js';
import { spawnServer } from './spawn-server.js';
import { waitFor } from './wait-for.js';

const node = { name: 'node', command: process.execPath, readyWithinMs: 5_000 };
const forever = 'setInterval(() => {}, 1000); console.log("up")';

test('a process that ends early is reported with the end of its log', async () => {
  const folder = openServerFolder('spawn');
  const start = spawnServer({
    ...node,
    args: ['-e', 'throw new Error("no disk")'],
    folder: folder.path,
    ready: () => 0,
  });
  await expect(start).rejects.toThrow(/node did not start(.|\n)*no disk/);
  folder.remove();
});

test('a program that does not exist is reported', async () => {
  const folder = openServerFolder('spawn');
  const start = spawnServer({ ...node, command: 'no-such-program', args: [], folder: folder.path, ready: () => 0 });
  await expect(start).rejects.toThrow('no-such-program');
  folder.remove();
});

test('a process that never becomes ready is killed at the deadline', async () => {
  const folder = openServerFolder('spawn');
  const args = ['-e', 'console.log(process.pid); setInterval(() => {}, 1000)'];
  const start = spawnServer({ ...node, args, folder: folder.path, ready: () => false, readyWithinMs: 500 });
  const error = await start.catch((reason: unknown) => String(reason));
  const pid = Number(/^(\d+)$/m.exec(String(error))?.[1]);
  expect(error).toContain('not within 500 ms');
  expect(processMark(pid)).toBeUndefined();
  folder.remove();
});

test('freeze, thaw, terminate and kill9 can be called in any order, twice', async () => {
  const folder = openServerFolder('spawn');
  const server = await spawnServer({ ...node, args: ['-e', forever], folder: folder.path, ready: () => true });
  server.freeze();
  await server.terminate();
  await server.kill9();
  await server.terminate();
  server.thaw();
  expect(server.running()).toBe(false);
  folder.remove();
  expect(existsSync(folder.path)).toBe(false);
});

test('what a killed test process left behind is swept', async () => {
  const orphan = spawn(process.execPath, ['-e', forever], { stdio: 'ignore', detached: true });
  const pid = orphan.pid ?? 0;
  // No process has this mark, so the run folder's owner counts as dead.
  const run = join(tmpdir(), 'fieldline-servers', `${process.pid}-0`);
  mkdirSync(join(run, 'pids'), { recursive: true });
  writeFileSync(join(run, 'pids', `${pid}-${processMark(pid)}`), '');
  writeFileSync(join(run, 'pids', `${process.pid}-0`), '');
  sweepRuns();
  await waitFor('the orphan to be gone', 5_000, () => processMark(pid) === undefined);
  expect(existsSync(run)).toBe(false);
});
