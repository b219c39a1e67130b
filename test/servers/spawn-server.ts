import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { guardProcess } from './run-folder.js';
import { waitFor, within } from './wait-for.js';

/** What to start, and how to know that it serves. */
export interface ServerSpec {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Working directory; output is appended to `<name>.log` in it. */
  readonly folder: string;
  /** A real question to the server; a falsy answer or an error means "not yet". */
  readonly ready: () => unknown;
  readonly readyWithinMs: number;
}

/** A running server. All ways to end it may be called twice and in any order. */
export interface ServerProcess {
  readonly pid: number;
  readonly logFile: string;
  running(): boolean;
  /** SIGTERM, then SIGKILL after `withinMs` (10 s unless told). */
  terminate(withinMs?: number): Promise<void>;
  /** SIGKILL, as a power cut would; resolves when the process is gone. */
  kill9(): Promise<void>;
  /** SIGSTOP: the process keeps its sockets and answers nothing. */
  freeze(): void;
  /** SIGCONT. */
  thaw(): void;
}

/**
 * Starts a server as a child of this process and resolves when it answers. It never outlives this process.
 * Throws, with the end of the server's log, when it exits early or is not ready after `readyWithinMs`; it is killed
 * in that case.
 */
export async function spawnServer(spec: ServerSpec): Promise<ServerProcess> {
  mkdirSync(spec.folder, { recursive: true });
  const logFile = join(spec.folder, `${spec.name}.log`);
  const child = launch(spec, logFile);
  const server = control(child, spec.name, logFile);
  try {
    await waitFor(`${spec.name} ready`, spec.readyWithinMs, () => {
      if (!server.running()) return 'ended';
      return spec.ready();
    });
    if (!server.running()) throw new Error(`ended early (${child.exitCode ?? child.signalCode})`);
    return server;
  } catch (cause) {
    await server.kill9();
    throw new Error(`${spec.name} did not start: ${String(cause)}\n--- end of ${logFile}:\n${tail(logFile)}`, {
      cause,
    });
  }
}

function launch(spec: ServerSpec, logFile: string): ChildProcess {
  const log = openSync(logFile, 'a');
  try {
    const [command, ...args] = [...dieWithParent(), spec.command, ...spec.args] as [string, ...string[]];
    const child = spawn(command, args, {
      cwd: spec.folder,
      env: { ...process.env, ...spec.env },
      stdio: ['ignore', log, log],
    });
    // A program that cannot be started says so only here.
    child.once('error', (error) => appendFileSync(logFile, `${String(error)}\n`));
    return child;
  } finally {
    closeSync(log);
  }
}

function control(child: ChildProcess, name: string, logFile: string): ServerProcess {
  const pid = child.pid ?? 0;
  let running = pid !== 0;
  const exited = running ? once(child, 'exit') : Promise.resolve([]);
  const release = running ? guardProcess(pid) : () => undefined;
  void exited.then(() => {
    running = false;
    release();
  });
  const signal = (which: NodeJS.Signals) => {
    if (running) child.kill(which);
  };
  const kill9 = async () => {
    signal('SIGKILL');
    await within(`${name} gone after SIGKILL`, 10_000, exited);
  };
  return {
    pid,
    logFile,
    running: () => running,
    kill9,
    terminate: async (withinMs = 10_000) => {
      signal('SIGTERM');
      // A frozen process would never see the SIGTERM.
      signal('SIGCONT');
      await within(`${name} gone`, withinMs, exited).catch(kill9);
    },
    freeze: () => {
      signal('SIGSTOP');
      waitUntilStopped(pid);
    },
    thaw: () => signal('SIGCONT'),
  };
}

/** On a busy machine threads go on, and answer, until each of them has had its turn to stop. */
function waitUntilStopped(pid: number): void {
  const tasks = `/proc/${pid}/task`;
  if (!existsSync(tasks)) return;
  const isStopped = (task: string): boolean => {
    try {
      return /\) [TtZX] /.test(readFileSync(join(tasks, task, 'stat'), 'utf8'));
    } catch {
      // It has ended.
      return true;
    }
  };
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (let left = 2000; left > 0 && !readdirSync(tasks).every(isStopped); left -= 1) Atomics.wait(pause, 0, 0, 5);
}

let prefix: readonly string[] | undefined;

/** On Linux the kernel can kill a child when its parent dies of a SIGKILL, which no exit hook would see. */
function dieWithParent(): readonly string[] {
  const wrapper = ['setpriv', '--pdeathsig', 'KILL', '--'];
  prefix ??= spawnSync('setpriv', [...wrapper.slice(1), 'true'], { timeout: 5_000 }).status === 0 ? wrapper : [];
  return prefix;
}

/** The last lines of a log, for an error message. */
export function tail(logFile: string, lines = 30): string {
  try {
    return readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
  } catch {
    return '(no log)';
  }
}
