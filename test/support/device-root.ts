import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { KeyObject } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { applyRelease } from '../../edge/upgrade/apply-release.js';
import type { ReleaseOnDisk } from '../../edge/bundle/release.js';
import { guardProcess } from '../servers/run-folder.js';
import { tempDir } from './temp-dir.js';

/** The guard as it is in the sources. */
export const guardFile = fileURLToPath(new URL('../../edge/upgrade/guard.sh', import.meta.url));

/** A device below a folder: what the installer would have made of it. */
export interface DeviceRoot {
  readonly root: string;
  path(...names: string[]): string;
  /** The version that `current` leads to. */
  current(): string;
  /** The line that the guard keeps. */
  guardState(): string;
}

export async function deviceRoot(first: ReleaseOnDisk, publicKey: KeyObject): Promise<DeviceRoot> {
  const root = await tempDir();
  const path = (...names: string[]) => join(root, ...names);
  for (const folder of ['opt/fieldline/releases', 'etc/fieldline', 'var/lib/fieldline/upgrade/parts']) {
    mkdirSync(path(folder), { recursive: true });
  }
  writeFileSync(path('etc/fieldline/release-key.pem'), publicKey.export({ type: 'spki', format: 'pem' }));
  await copyFile(guardFile, path('opt/fieldline/guard.sh'));
  const inbox = path('var/lib/fieldline/upgrade');
  for (const [hash, file] of first.parts) await copyFile(file, join(inbox, 'parts', hash));
  writeFileSync(join(inbox, 'release.json'), JSON.stringify(first.release));
  await applyRelease({ root, version: first.manifest.version, path: dirname(process.execPath) });
  symlinkSync(`releases/${first.manifest.version}`, path('opt/fieldline/current'));
  const state = path('opt/fieldline/upgrade-state');
  return {
    root,
    path,
    current: () => readlinkSync(path('opt/fieldline/current')).replace('releases/', ''),
    guardState: () => (existsSync(state) ? readFileSync(state, 'utf8').trim() : ''),
  };
}

/** What the unit makes systemd do: the guard, then the agent, and both again when it ends. */
export class Supervisor {
  starts = 0;
  /** What the agents said, all of it. */
  output = '';
  private child: ChildProcess | undefined;
  private stopping = false;
  private readonly loop: Promise<void>;

  constructor(private readonly device: DeviceRoot) {
    this.loop = this.run();
    onTestFinished(() => this.stop('SIGKILL'));
  }

  /** Whatever runs now, guard or agent, with all of its children. */
  kill(signal: NodeJS.Signals): void {
    const pid = this.child?.pid;
    if (pid === undefined || this.child?.exitCode !== null || this.child.signalCode !== null) return;
    process.kill(-pid, signal);
  }

  /** What the timer of the trial does. */
  async expire(): Promise<void> {
    const [, nonce = ''] = this.device.guardState().split(' ');
    const child = this.spawn('sh', [this.guard(), 'expire', nonce]);
    await once(child, 'exit');
    this.kill('SIGKILL');
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    this.stopping = true;
    this.kill(signal);
    await this.loop;
  }

  private async run(): Promise<void> {
    while (!this.stopping) {
      const guarded = await this.ends(this.spawn('sh', [this.guard()]));
      if (guarded !== 0 || this.stopping) continue;
      this.starts += 1;
      const current = this.device.path('opt/fieldline/current');
      const agent = [join(current, 'agent.mjs'), 'run', '--config', this.device.path('etc/fieldline/edge.yaml')];
      await this.ends(this.spawn(join(current, 'node'), agent));
    }
  }

  private async ends(child: ChildProcess): Promise<number | null> {
    this.child = child;
    if (this.stopping) this.kill('SIGKILL');
    const [code] = (await once(child, 'exit')) as [number | null];
    return code;
  }

  private guard(): string {
    return this.device.path('opt/fieldline/guard.sh');
  }

  private spawn(command: string, args: readonly string[]): ChildProcess {
    const env = { PATH: process.env['PATH'], FIELDLINE_ROOT: this.device.root };
    const child = spawn(command, args, { env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    if (child.pid !== undefined) child.once('exit', guardProcess(child.pid));
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    }
    return child;
  }
}
