import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { isSameProcess, processMark } from './process-mark.js';
import { waitFor } from './wait-for.js';

/** Tells a person what is being done; one line, no newline. */
export type Progress = (line: string) => void;

/** Where built and downloaded servers live: `FIELDLINE_TEST_CACHE`, else `~/.cache/fieldline-test`. */
export const cacheRoot = (): string => process.env.FIELDLINE_TEST_CACHE || join(homedir(), '.cache', 'fieldline-test');

/**
 * The cache folder `name`, filled by `fill` if it is not there yet. The name carries the version of what is in it.
 * The folder appears under its name only when it is complete, and of several processes one fills while the others wait.
 * Throws what `fill` throws, or a `DeadlineError` when another process has not finished within `withinMs` milliseconds.
 */
export async function cached(
  name: string,
  withinMs: number,
  progress: Progress,
  fill: (folder: string) => Promise<void>,
): Promise<string> {
  const folder = join(cacheRoot(), name);
  if (existsSync(folder)) return folder;
  mkdirSync(cacheRoot(), { recursive: true });
  await withLock(join(cacheRoot(), `${name}.lock`), withinMs, progress, async () => {
    if (existsSync(folder)) return;
    const partial = `${folder}.partial`;
    rmSync(partial, { recursive: true, force: true });
    mkdirSync(partial);
    try {
      await fill(partial);
      renameSync(partial, folder);
    } finally {
      rmSync(partial, { recursive: true, force: true });
    }
  });
  return folder;
}

/**
 * Runs `work` while holding a lock file that no other process holds; a lock whose holder has died is broken.
 * Throws a `DeadlineError` naming the file if it cannot be had within `withinMs` milliseconds.
 */
export async function withLock<T>(
  file: string,
  withinMs: number,
  progress: Progress,
  work: () => Promise<T>,
): Promise<T> {
  if (!take(file)) {
    progress(`waiting for ${file}, held by process ${holder(file)?.pid}`);
    const acquire = () => take(file) || (breakIfStale(file), false);
    await waitFor(`lock ${file} (delete it if no installation is running)`, withinMs, acquire, 200);
  }
  try {
    return await work();
  } finally {
    rmSync(file, { force: true });
  }
}

function take(file: string): boolean {
  try {
    writeFileSync(file, `${process.pid} ${processMark(process.pid)}`, { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function holder(file: string): { pid: number; mark: string } | undefined {
  try {
    const [, pid, mark] = /^(\d+) (\w+)$/.exec(readFileSync(file, 'utf8')) ?? [];
    return pid === undefined || mark === undefined ? undefined : { pid: Number(pid), mark };
  } catch {
    return undefined;
  }
}

/** Two who find the same dead holder must not both break: the slower would delete the faster one's new lock. */
function breakIfStale(file: string): void {
  const breaking = `${file}.breaking`;
  const isStale = () => {
    const held = holder(file);
    return held !== undefined && !isSameProcess(held.pid, held.mark);
  };
  if (!isStale() || !take(breaking)) return;
  if (isStale()) rmSync(file, { force: true });
  rmSync(breaking, { force: true });
}
