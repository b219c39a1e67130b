import { spawn } from 'node:child_process';
import { mkdir, readdir, readFile, readlink, stat, writeFile, lstat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { BootFile } from '../../edge/image/boot-partition.js';

/** Writes what a card's boot partition holds into a folder. */
export async function layFiles(folder: string, files: readonly BootFile[]): Promise<void> {
  for (const { path, bytes } of files) {
    const to = join(folder, path);
    await mkdir(dirname(to), { recursive: true });
    await writeFile(to, bytes);
  }
}

/** Programs that stand before those of the system: name to POSIX shell. Resolves with the PATH that finds them. */
export async function layPrograms(folder: string, programs: Readonly<Record<string, string>>): Promise<string> {
  await mkdir(folder, { recursive: true });
  for (const [name, text] of Object.entries(programs))
    await writeFile(join(folder, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  return `${folder}:${process.env.PATH}`;
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Both outputs. */
  readonly said: string;
}

export async function runShell(words: readonly string[], env: Readonly<Record<string, string>>): Promise<Ended> {
  const child = spawn('sh', words, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const said: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => said.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => said.push(chunk));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, said: Buffer.concat(said).toString() }));
  });
}

/** Every path below a folder with its mode and its bytes, or where its link leads. */
export async function treeOf(folder: string, leaveOut: RegExp = /^$/): Promise<Record<string, string>> {
  const tree: Record<string, string> = {};
  const entries = await readdir(folder, { recursive: true }).catch(() => []);
  for (const name of entries.sort()) {
    if (leaveOut.test(name)) continue;
    const path = join(folder, name);
    const about = await lstat(path);
    const mode = (about.mode & 0o777).toString(8);
    if (about.isSymbolicLink()) tree[name] = `-> ${await readlink(path)}`;
    else if (about.isDirectory()) tree[name] = `${mode} folder`;
    else tree[name] = `${mode} ${await readFile(path, 'base64')}`;
  }
  return tree;
}

export function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
