import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { guardProcess } from './run-folder.js';
import { DeadlineError, within } from './wait-for.js';

/** How to run an installing or formatting command. */
export interface CommandOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly withinMs: number;
  /** Called with each line of output as it comes. */
  readonly onLine?: (line: string) => void;
}

/**
 * Runs a command to its end and returns its standard output.
 * Throws with the last 30 lines of output if it fails, and kills it with its children after `withinMs` milliseconds.
 */
export async function runCommand(command: string, args: readonly string[], options: CommandOptions): Promise<string> {
  // A group of its own, so that a compiler started by a build tool ends with the tool.
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const output = collect(child, options.onLine);
  const shown = `${command} ${args.join(' ')}`.slice(0, 200);
  const closed = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  const release = child.pid === undefined ? () => undefined : guardProcess(child.pid);
  try {
    const [code, signal] = await within(shown, options.withinMs, closed);
    if (code !== 0) throw new Error(`${shown}: ended with ${code ?? signal}\n${output.lastLines()}`);
    return output.standard();
  } catch (error) {
    if (error instanceof DeadlineError) killGroup(child);
    throw error;
  } finally {
    release();
  }
}

function collect(child: ChildProcess, onLine: (line: string) => void = () => undefined) {
  const standard: string[] = [];
  const last: string[] = [];
  const note = (line: string) => {
    last.push(line);
    if (last.length > 30) last.shift();
    onLine(line);
  };
  if (child.stdout !== null) {
    createInterface(child.stdout).on('line', (line) => {
      standard.push(line);
      note(line);
    });
  }
  if (child.stderr !== null) createInterface(child.stderr).on('line', note);
  return { standard: () => standard.join('\n'), lastLines: () => last.join('\n') };
}

function killGroup(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  } catch {
    // Ended between the deadline and the kill.
  }
}

/** The full path of a program on PATH or in one of the further folders, if it is there. */
export function findProgram(name: string, further: readonly string[] = []): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...further].filter((folder) => folder !== '');
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
