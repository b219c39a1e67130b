import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { guardFile } from '../../support/device-root.js';
import { tempDir } from '../../support/temp-dir.js';

/** Stands for Node and the agent: installs a release as `apply-release` does, in two steps. */
const node = `#!/bin/sh
home=$FIELDLINE_ROOT/opt/fieldline
[ "$2" = apply-release ] && [ "$3" = --version ] || exit 9
[ ! -e "$FIELDLINE_ROOT/refuse" ] || { echo noise >&2; echo 'the archive has other bytes' >&2; exit "$(cat "$FIELDLINE_ROOT/refuse")"; }
mkdir -p "$home/incoming"
[ -d "$home/releases/$4" ] || { cp -R "$home/releases/1" "$home/incoming/$4"; mv -T "$home/incoming/$4" "$home/releases/$4"; }
`;

/** Programs that the guard changes the disk by: each may be the last. */
const programs = ['sync', 'mv', 'ln', 'rm', 'cp', 'mkdir', 'chmod', 'readlink', 'head', 'cmp'];
/** Counts down with each call, and pulls the plug, before or after it, when it comes to 0. */
const shim = (name: string, real: string) => `#!/bin/sh
left=$(($(cat "$FUSE") - 1))
echo $left >"$FUSE"
[ $left -ne 0 ] || [ "$WHEN" = after ] || kill -9 0
${real} "$@"
code=$?
[ $left -ne 0 ] || kill -9 0
exit $code
# ${name}
`;

/** The guard below a folder, with a stand-in for what it starts. */
export class Guarded {
  readonly home: string;
  readonly inbox: string;
  private readonly shims: string;

  constructor(readonly root: string) {
    this.home = join(root, 'opt/fieldline');
    this.inbox = join(root, 'var/lib/fieldline/upgrade');
    this.shims = join(root, 'shims');
    for (const folder of [join(this.home, 'releases/1'), this.inbox, this.shims])
      mkdirSync(folder, { recursive: true });
    this.runtime('aaaa');
    writeFileSync(join(this.home, 'releases/1/agent.mjs'), '');
    cpSync(guardFile, join(this.home, 'releases/1/guard.sh'));
    cpSync(guardFile, join(this.home, 'guard.sh'));
    symlinkSync('../../runtimes/aaaa/bin/node', join(this.home, 'releases/1/node'));
    symlinkSync('releases/1', join(this.home, 'current'));
    for (const name of programs) {
      const real = [`/usr/bin/${name}`, `/bin/${name}`].find((path) => existsSync(path))!;
      writeFileSync(join(this.shims, name), shim(name, real), { mode: 0o755 });
    }
  }

  runtime(name: string): void {
    mkdirSync(join(this.home, `runtimes/${name}/bin`), { recursive: true });
    writeFileSync(join(this.home, `runtimes/${name}/bin/node`), node, { mode: 0o755 });
    chmodSync(join(this.home, `runtimes/${name}/bin/node`), 0o755);
  }

  /** One run; with a fuse the plug is pulled at that call. Resolves with whether it was. */
  async run(fuse?: number, when = 'before', ...args: string[]): Promise<boolean> {
    const file = join(this.root, 'fuse');
    writeFileSync(file, `${fuse ?? 0}`);
    const path = fuse === undefined ? process.env['PATH'] : `${this.shims}:${process.env['PATH']}`;
    const child = spawn('sh', [join(this.home, 'guard.sh'), ...args], {
      env: { PATH: path, FIELDLINE_ROOT: this.root, FUSE: file, WHEN: when },
      detached: true,
      stdio: 'ignore',
    });
    const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
    if (signal === null) expect(code).toBe(0);
    return signal !== null;
  }

  stage(nonce: string, version: string): void {
    writeFileSync(join(this.inbox, 'staged'), `${nonce} rollout-1 ${version} 60\n`);
  }

  mark(name: 'confirmed' | 'failed', text: string): void {
    writeFileSync(join(this.inbox, name), `${text}\n`);
  }

  current(): string {
    return readlinkSync(join(this.home, 'current')).replace('releases/', '');
  }

  canRun(version = this.current()): boolean {
    const release = join(this.home, 'releases', version);
    return existsSync(join(release, 'agent.mjs')) && existsSync(join(release, 'node'));
  }

  state(): string[] {
    const file = join(this.home, 'upgrade-state');
    return existsSync(file) ? readFileSync(file, 'utf8').trim().split(' ') : [];
  }

  releases(): string[] {
    return readdirSync(join(this.home, 'releases')).sort();
  }
}

export const guarded = async (): Promise<Guarded> => new Guarded(await tempDir());

export const upgradeEnds = ['confirmed', 'given back'] as const;

/** Pulls the plug at every `stride`th thing that the guard does, in the start that installs and in the one that decides. */
export async function pullPlugs(end: (typeof upgradeEnds)[number], stride: number): Promise<void> {
  for (let [fuse, was] = [1, true]; was; fuse += stride) {
    was = false;
    const guard = await guarded();
    for (const when of ['before', 'after']) {
      const version = when === 'before' ? '2' : '3';
      const first = guard.current();
      guard.stage(`a${version}`, version);
      const pull = async () => {
        was = (await guard.run(fuse, when)) || was;
        expect(guard.canRun()).toBe(true);
      };
      await pull();
      for (let i = 0; guard.state()[0] !== 'trial'; i += 1) {
        expect(i).toBeLessThan(3);
        await guard.run();
        expect(guard.canRun()).toBe(true);
      }
      expect(guard.current()).toBe(version);
      if (end === 'confirmed') guard.mark('confirmed', `a${version}`);
      else guard.mark('failed', `a${version} so it is`);
      await pull();
      await guard.run();
      const expected = end === 'confirmed' ? ['confirmed', version] : ['rolled-back', first];
      expect([guard.state()[0], guard.current()]).toEqual(expected);
      expect(guard.releases().every((name) => guard.canRun(name))).toBe(true);
      expect(guard.releases().length).toBeLessThanOrEqual(2);
      for (const name of ['trash', 'incoming', 'current.new']) expect(existsSync(join(guard.home, name))).toBe(false);
    }
  }
}
