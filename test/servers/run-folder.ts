// Every test process owns one run folder, named by its process id and start mark. It holds the temporary data of its
// servers and one empty file per running server, so that whoever comes next can clean up after a test process that
// was killed before it could: the names alone say whom to kill and what to delete.
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isSameProcess, processMark } from './process-mark.js';

const runs = () => join(tmpdir(), 'fieldline-servers');
const running = new Set<number>();
let own: string | undefined;

/** The data folder of one server: the caller's own, which stays, or a temporary one, which goes with the server. */
export interface ServerFolder {
  readonly path: string;
  readonly temporary: boolean;
  /** Deletes a temporary folder; a folder that the caller named is left as it is. */
  remove(): void;
}

/** Opens `dataDir`, or a new temporary folder if none is given. */
export function openServerFolder(name: string, dataDir?: string): ServerFolder {
  if (dataDir !== undefined) {
    mkdirSync(dataDir, { recursive: true });
    return { path: dataDir, temporary: false, remove: () => undefined };
  }
  const path = mkdtempSync(join(runFolder(), `${name}-`));
  return { path, temporary: true, remove: () => rmSync(path, removal) };
}

/** Has the process killed when this one ends, however it ends; the returned function lifts the guard. */
export function guardProcess(pid: number): () => void {
  const record = join(runFolder(), 'pids', `${pid}-${processMark(pid) ?? 'gone'}`);
  writeFileSync(record, '');
  running.add(pid);
  return () => {
    running.delete(pid);
    rmSync(record, { force: true });
  };
}

function runFolder(): string {
  if (own === undefined) {
    own = join(runs(), `${process.pid}-${processMark(process.pid)}`);
    mkdirSync(join(own, 'pids'), { recursive: true });
    sweepRuns();
    hookExit();
  }
  return own;
}

/** Kills the servers and deletes the data of test processes that are gone. Safe to call from several at once. */
export function sweepRuns(): void {
  for (const { name, pid, mark } of named(runs())) {
    if (isSameProcess(pid, mark)) continue;
    const folder = join(runs(), name);
    for (const server of named(join(folder, 'pids'))) {
      if (isSameProcess(server.pid, server.mark)) kill(server.pid);
    }
    rmSync(folder, removal);
  }
}

// A server that was just killed may still be writing its last file while its folder is deleted: hence the retries.
const removal = { recursive: true, force: true, maxRetries: 10, retryDelay: 50 } as const;

function* named(folder: string): Generator<{ name: string; pid: number; mark: string }> {
  for (const name of list(folder)) {
    const [, pid, mark] = /^(\d+)-(\w+)$/.exec(name) ?? [];
    if (pid !== undefined && mark !== undefined) yield { name, pid: Number(pid), mark };
  }
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself between the look and the kill.
  }
}

function hookExit(): void {
  const cleanUp = () => {
    running.forEach(kill);
    running.clear();
    if (own !== undefined) rmSync(own, removal);
  };
  process.once('exit', cleanUp);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    // Node does not emit 'exit' for a signal, and a handler replaces its default: clean up, then die of the signal.
    process.once(signal, () => {
      cleanUp();
      if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
    });
  }
}
