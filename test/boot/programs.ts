import { dirname, join, resolve } from 'node:path';
import type { Progress } from '../servers/cache.js';
import { type Installed } from '../servers/ensure.js';
import { type DebianProgram, installDebian } from '../servers/install-debian.js';
import { runCommand } from '../servers/run-command.js';

/** What makes a guest and runs it: unpacked into the cache, so that the machine stays as it is and nobody has to be root. */
const programs = {
  debootstrap: { packages: ['debootstrap'], unpacked: 'usr/sbin/debootstrap' },
  qemu: { packages: ['qemu-system-arm'], unpacked: 'usr/bin/qemu-system-aarch64' },
  e2fsprogs: { packages: ['e2fsprogs'], unpacked: 'sbin/mke2fs' },
  mtools: { packages: ['mtools'], unpacked: 'usr/bin/mcopy' },
  dosfstools: { packages: ['dosfstools'], unpacked: 'sbin/mkfs.fat' },
  socat: { packages: ['socat'], unpacked: 'usr/bin/socat' },
} satisfies Record<string, Pick<DebianProgram, 'packages' | 'unpacked'>>;

export type BootProgram = keyof typeof programs;

/** A program in the cache, unpacked if it is not there yet. Throws a `MissingServerError` where there is no apt. */
export function ensureProgram(name: BootProgram, progress: Progress = () => undefined): Promise<Installed> {
  return installDebian({ name, programs: [], unpackAlways: true, ...programs[name] }, progress);
}

/** Where the files of an unpacked package lie. */
export function unpackedRoot(name: BootProgram, { path }: Installed): string {
  const depth = programs[name].unpacked.split('/').length - 1;
  return resolve(dirname(path), ...Array.from({ length: depth }, () => '..'));
}

/** Runs a program beside one of these, such as `mdir` beside `mcopy`, and answers its standard output. */
export async function run(
  name: BootProgram,
  program: string,
  args: readonly string[],
  withinMs = 300_000,
): Promise<string> {
  const { path, env } = await ensureProgram(name);
  return runCommand(join(dirname(path), program), args, { env: { ...env, MTOOLS_SKIP_CHECK: '1' }, withinMs });
}
