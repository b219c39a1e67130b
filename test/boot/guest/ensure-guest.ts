import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { truncate } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cached, type Progress } from '../../servers/cache.js';
import { findProgram, runCommand } from '../../servers/run-command.js';
import { type CpioEntry, cpioOf } from '../initramfs.js';
import { startMachine } from '../machine.js';
import { ensureProgram, run, unpackedRoot } from '../programs.js';
import { guestOverlay, guestPackages, type GuestSuite, systemMib } from './overlay.js';

/** A Debian for arm64 whose packages are configured: what lies on the two partitions of a card. */
export interface Guest {
  /** An ext4 file system of `systemMib`; copied, never booted. */
  readonly system: string;
  readonly kernel: string;
  readonly initrd: string;
}

const limitMs = 90 * 60_000;
const mirror = 'http://deb.debian.org/debian';
const here = dirname(fileURLToPath(import.meta.url));
// The sources are asked too when this runs from `dist/`, where only programs are.
const script = (name: string) =>
  readFileSync([here, here.replace('/dist/', '/')].map((f) => join(f, name)).find(existsSync) ?? name, 'utf8');

/**
 * The guest from the cache; made there first if need be, which takes about ten minutes: Debian's packages are unpacked
 * here, and configured inside an emulated machine, so that neither root nor binfmt is asked for.
 */
export async function ensureGuest(suite: GuestSuite, progress: Progress): Promise<Guest> {
  const made = JSON.stringify([guestOverlay(suite), guestPackages[suite], script('second-stage.sh'), systemMib]);
  const version = createHash('sha256').update(made).digest('hex').slice(0, 8);
  const folder = await cached(`boot-guest-${suite}-${version}`, limitMs, progress, (partial) =>
    makeGuest(suite, partial, progress),
  );
  return filesIn(folder);
}

const filesIn = (folder: string) => ({
  system: join(folder, 'system.ext4'),
  kernel: join(folder, 'vmlinuz'),
  initrd: join(folder, 'initrd'),
});

async function makeGuest(suite: GuestSuite, folder: string, progress: Progress): Promise<void> {
  const root = join(folder, 'root');
  const { system, kernel, initrd } = filesIn(folder);
  await unpackPackages(suite, root, system, progress);
  const first = await bootFiles(root, folder);
  progress(`${suite}: configuring the packages in an emulated machine`);
  const console = join(folder, 'second-stage.log');
  writeFileSync(console, '');
  const machine = await startMachine({
    ...{ name: `make-${suite}`, disk: system, console, throwAway: true, ...first },
    append: 'console=ttyAMA0 quiet panic=1',
  });
  await machine.shows(/guest: finished at|guest: failed|Kernel panic/, limitMs);
  await machine.off(120_000);
  if (!readFileSync(console, 'utf8').includes('guest: finished at')) throw new Error(readFileSync(console, 'utf8'));
  for (const [from, to] of [
    ['vmlinuz', kernel],
    ['initrd', initrd],
  ] as const) {
    await run('e2fsprogs', 'debugfs', ['-R', `dump /guest/${from} ${to}`, system]);
    if (!existsSync(to) || statSync(to).size === 0) throw new Error(`the guest has no ${from}`);
  }
  for (const used of [root, 'first', 'overlay', 'finish.sh']) rmSync(resolve(folder, used), { recursive: true });
}

/** Debian's packages, their files laid out and none of them configured, as an ext4 file system. */
async function unpackPackages(suite: GuestSuite, root: string, system: string, progress: Progress): Promise<void> {
  progress(`${suite}: fetching and unpacking ${guestPackages[suite].length} Debian packages and what they need`);
  const debootstrap = await ensureProgram('debootstrap');
  const share = join(unpackedRoot('debootstrap', debootstrap), 'usr/share/debootstrap');
  const include = guestPackages[suite].join(',');
  // Who is not root owns the files only in the eyes of fakeroot, so both steps are below one of it.
  const steps = `"$0" --foreign --arch=arm64 --variant=minbase --include="$1" "$2" "$3" "${mirror}" && sh "$4" "$3"`;
  const finish = join(dirname(system), 'finish.sh');
  const { path: mke2fs, env } = { ...(await ensureProgram('e2fsprogs')) };
  const overlay = join(dirname(system), 'overlay');
  writeOverlay(suite, overlay);
  writeFileSync(system, '');
  await truncate(system, systemMib * 2 ** 20);
  writeFileSync(
    finish,
    // Where it may not mount, debootstrap links to the /proc of this machine.
    `set -e; cp -rT "${overlay}" "$1"; rm -rf "$1/proc"; mkdir "$1/proc"; chmod -R go+rX "$1/etc/systemd" "$1/etc/dpkg"\n` +
      `LD_LIBRARY_PATH="${env.LD_LIBRARY_PATH}" "${mke2fs}" -q -t ext4 -L rootfs -d "$1" "${system}"\n`,
  );
  const shell = process.getuid?.() === 0 ? ['sh'] : [findProgram('fakeroot') ?? 'fakeroot', 'sh'];
  const [command = 'sh', ...args] = [...shell, '-c', steps, debootstrap.path, include, suite, root, finish];
  const withDebootstrap = { DEBOOTSTRAP_DIR: share, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
  await runCommand(command, args, { withinMs: limitMs, env: withDebootstrap });
}

function writeOverlay(suite: GuestSuite, folder: string): void {
  for (const [path, text] of Object.entries(guestOverlay(suite))) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  writeFileSync(join(folder, 'second-stage.sh'), script('second-stage.sh'));
  chmodSync(join(folder, 'second-stage.sh'), 0o755);
}

/** In the order in which they need each other; those that a kernel has built in are not there. */
const modules = [
  ...['virtio', 'virtio_ring', 'virtio_pci_modern_dev', 'virtio_pci_legacy_dev', 'virtio_pci', 'virtio_blk'],
  ...['crc16', 'mbcache', 'jbd2', 'crc32c_generic', 'libcrc32c', 'ext4'],
];

/** The kernel, and an initramfs that does no more than mount the system: the packages have not made theirs yet. */
async function bootFiles(root: string, folder: string): Promise<{ kernel: string; initrd: string }> {
  const archives = join(root, 'var/cache/apt/archives');
  const debs = readdirSync(archives);
  const first = join(folder, 'first');
  for (const pattern of [/^linux-image-\d.*\.deb$/, /^busybox-static_.*\.deb$/]) {
    const deb = debs.find((name) => pattern.test(name));
    if (deb === undefined) throw new Error(`no package ${String(pattern)} in ${archives}`);
    await runCommand('dpkg-deb', ['-x', join(archives, deb), first], { withinMs: limitMs });
  }
  const files = readdirSync(first, { recursive: true, encoding: 'utf8' });
  const find = (pattern: RegExp) => files.find((name) => pattern.test(name));
  const there = modules.flatMap((name) => {
    const file = find(new RegExp(`/${name}\\.ko(\\.xz)?$`));
    return file === undefined ? [] : [{ name, file: join(first, file) }];
  });
  const entries: CpioEntry[] = [
    { path: 'init', bytes: Buffer.from(script('mini-init.sh')) },
    { path: 'modules', bytes: Buffer.from(there.map(({ name }) => name).join('\n')) },
    { path: 'bin/busybox', bytes: readFileSync(join(first, find(/bin\/busybox$/) ?? 'busybox')) },
  ];
  for (const { name, file } of there) {
    if (file.endsWith('.xz')) await runCommand('xz', ['-d', file], { withinMs: 60_000 });
    entries.push({ path: `lib/${name}.ko`, bytes: readFileSync(file.replace(/\.xz$/, '')) });
  }
  const initrd = join(first, 'mini-initrd');
  writeFileSync(initrd, cpioOf(entries));
  return { kernel: join(first, find(/^boot\/vmlinuz-/) ?? 'vmlinuz'), initrd };
}
