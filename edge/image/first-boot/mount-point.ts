import type { BootPartition } from '../boot-partition.js';

/**
 * Where the system mounts its boot partition: `/boot/firmware` since Bookworm (October 2023), and with Debian and Ubuntu; these have
 * an initramfs on it, or speak of `/boot/firmware` in `config.txt`. `/boot` before.
 */
export function mountPointOf(boot: BootPartition): '/boot/firmware' | '/boot' {
  const initramfs = boot.list().some((name) => /^(initramfs|initrd)/i.test(name));
  return initramfs || /^\s*(auto_)?initramfs\b|\/boot\/firmware\//m.test(textOf(boot, 'config.txt'))
    ? '/boot/firmware'
    : '/boot';
}

/** Empty if there is no such file. */
export function textOf(boot: BootPartition, path: string): string {
  return Buffer.from(boot.read(path) ?? []).toString('utf8');
}
