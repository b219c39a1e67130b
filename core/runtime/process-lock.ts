import { readFileSync } from 'node:fs';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { FatalError, systemCode } from './errors.js';

const ownerSchema = z.object({ pid: z.int().positive(), startTicks: z.string(), command: z.string() });
type Owner = z.infer<typeof ownerSchema>;

/** Holds a directory for this process. A lock left by a process that died is taken over. */
export interface ProcessLock {
  release(): Promise<void>;
}

/** Throws FatalError `locked` that names the process which holds the directory. */
export async function lockDirectory(directory: string): Promise<ProcessLock> {
  const path = join(directory, 'lock.json');
  const mine = join(directory, `lock.${process.pid}.json`);
  const owner: Owner = {
    pid: process.pid,
    startTicks: startTicks(process.pid) ?? '',
    command: process.argv.slice(1).join(' ').slice(0, 200),
  };
  await writeFile(mine, JSON.stringify(owner));
  try {
    // A hard link either makes the name or fails: two starters cannot both believe that they hold it.
    while (!(await tryLink(mine, path))) await removeIfDead(path, directory);
  } finally {
    await rm(mine, { force: true });
  }
  return { release: () => rm(path, { force: true }) };
}

async function tryLink(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false;
    throw error;
  }
}

async function removeIfDead(path: string, directory: string): Promise<void> {
  const owner = await readOwner(path);
  if (owner && owner.pid !== process.pid && isAlive(owner)) throw held(directory, owner);
  // Another starter may have taken the dead lock over since it was read: move it away first, then look what it was.
  const moved = `${path}.${process.pid}`;
  await rename(path, moved).catch(ignoreMissing);
  const taken = await readOwner(moved);
  if (taken && taken.pid !== process.pid && isAlive(taken)) {
    await rename(moved, path);
    throw held(directory, taken);
  }
  await rm(moved, { force: true });
}

async function readOwner(path: string): Promise<Owner | undefined> {
  return ownerSchema.safeParse(parse(await readFile(path, 'utf8').catch(() => ''))).data;
}

function held(directory: string, { pid, command }: Owner): FatalError {
  const message = `${directory} is in use by process ${pid} (${command}); stop it, or give another directory with --data`;
  return new FatalError('locked', message);
}

function ignoreMissing(error: unknown): void {
  if (systemCode(error) !== 'ENOENT') throw error;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isAlive(owner: Owner): boolean {
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    return systemCode(error) === 'EPERM';
  }
  // A number given to another process since then has another start time.
  const ticks = startTicks(owner.pid);
  return ticks === undefined || owner.startTicks === '' || ticks === owner.startTicks;
}

/** Field 22 of /proc/<pid>/stat (proc(5)): when the process started, in clock ticks after boot. */
function startTicks(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}
