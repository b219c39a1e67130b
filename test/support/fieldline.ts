import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Verdict } from '../../simulators/verify.js';
import type { SimulationProgress } from '../../simulators/main.js';
import { spawnServer, type ServerProcess } from '../servers/spawn-server.js';
import { within } from '../servers/wait-for.js';

/** The command as a user runs it: the compiled one. */
export const fieldline = [
  new URL('../../dist/cli/main.js', import.meta.url),
  new URL('../../cli/main.js', import.meta.url),
]
  .map((url) => fileURLToPath(url))
  .find((path) => existsSync(path))!;

export interface Running extends ServerProcess {
  readonly http: string;
}

export interface StartOptions {
  readonly name: string;
  readonly args: readonly string[];
  readonly folder: string;
  readonly httpPort: number;
  /** Ready when this path answers 200. */
  readonly readyPath?: string;
  readonly readyWithinMs?: number;
}

/** Starts `fieldline …` as a process of its own and resolves when it says that it is ready. */
export async function startFieldline(options: StartOptions): Promise<Running> {
  const http = `http://127.0.0.1:${options.httpPort}`;
  const server = await spawnServer({
    name: options.name,
    command: process.execPath,
    args: ['--enable-source-maps', fieldline, ...options.args],
    folder: options.folder,
    ready: async () => (await fetch(`${http}${options.readyPath ?? '/readyz'}`)).ok,
    readyWithinMs: options.readyWithinMs ?? 30_000,
  });
  return Object.assign(server, { http });
}

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `fieldline …` to its end, which `terminate` asks for. */
export async function runFieldline(
  args: readonly string[],
  folder: string,
  withinMs: number,
  terminate?: AbortSignal,
): Promise<CommandResult> {
  const child = spawn(process.execPath, ['--enable-source-maps', fieldline, ...args], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  terminate?.addEventListener('abort', () => child.kill('SIGTERM'));
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  try {
    const [code] = (await within(`fieldline ${args.join(' ')}`, withinMs, once(child, 'close'))) as [number | null];
    return { code: code ?? -1, stdout, stderr };
  } finally {
    child.kill('SIGKILL');
  }
}

/** The last line of a command's output, which `--json` makes one JSON value. */
export function lastJson<T>(result: CommandResult): T {
  const line = result.stdout.trim().split('\n').at(-1) ?? '';
  try {
    return JSON.parse(line) as T;
  } catch {
    throw new Error(`no JSON in the output (exit ${result.code}):\n${result.stdout}\n${result.stderr}`);
  }
}

export function writeConfig(folder: string, config: object): string {
  // JSON is YAML.
  const file = join(folder, 'fieldline.yaml');
  writeFileSync(file, JSON.stringify(config, null, 2));
  return file;
}

export interface Simulation {
  readonly done: Promise<SimulationProgress>;
  running(): boolean;
  /** Ends the load before its time. */
  end(): void;
  readonly journal: string;
}

/** Starts a simulation in a process of its own. */
export function startSimulation(scenario: string, folder: string, args: readonly string[]): Simulation {
  const journal = join(folder, 'journal.jsonl');
  const ending = new AbortController();
  const command = ['simulate', scenario, ...args, '--journal', journal, '--json'];
  const run = runFieldline(command, folder, 1_200_000, ending.signal);
  const done = run.then((result) => {
    if (result.code !== 0)
      throw new Error(`the simulation ended with ${result.code}:\n${result.stdout}\n${result.stderr}`);
    return lastJson<SimulationProgress>(result);
  });
  let running = true;
  done.catch(() => undefined).finally(() => (running = false));
  return { done, journal, running: () => running, end: () => ending.abort() };
}

export async function verifyJournal(
  journal: string,
  http: string,
  folder: string,
  waitSeconds = 400,
): Promise<Verdict> {
  const args = ['simulate', 'verify', journal, '--http', http, '--wait', `${waitSeconds}s`, '--json'];
  return lastJson<Verdict>(await runFieldline(args, folder, (waitSeconds + 600) * 1000));
}

/** What a faultless verdict looks like, whatever was sent. */
export const faultless = {
  ok: true,
  readings: { lost: 0, duplicated: 0, changed: 0, unexpected: 0, inDoubt: 0 },
  rollups: { wrong: 0 },
  alerts: { lost: 0, duplicated: 0 },
  log: { missing: 0, conflicting: 0 },
};

/** The value of a counter or gauge without labels; undefined while the process does not answer. */
export async function metric(http: string, name: string): Promise<number | undefined> {
  const text = await fetch(`${http}/metrics`).then((response) => response.text());
  const line = text.split('\n').find((so) => so.startsWith(`${name} `));
  return line === undefined ? undefined : Number(line.slice(name.length + 1));
}

/** Readings that ingest has stored since its process started. */
export async function readingsStored(http: string): Promise<number> {
  return (await metric(http, 'fieldline_ingest_readings_out_total')) ?? 0;
}
