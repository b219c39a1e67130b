import type { BootPartition } from '../boot-partition.js';

/**
 * Where the system mounts its boot partition: `/boot/firmware` since Bookworm (October 2023), whose `config.txt` asks for an
 * initramfs and speaks of `/boot/firmware`; `/boot` before.
 */
export function mountPointOf(boot: BootPartition): '/boot/firmware' | '/boot' {
  const config = textOf(boot, 'config.txt');
  const initramfs = boot.list().some((name) => /^initramfs[_0-9]/i.test(name));
  return initramfs || /^\s*auto_initramfs=1|\/boot\/firmware\//m.test(config) ? '/boot/firmware' : '/boot';
}

/** Empty if there is no such file. */
export function textOf(boot: BootPartition, path: string): string {
  return Buffer.from(boot.read(path) ?? []).toString('utf8');
}
