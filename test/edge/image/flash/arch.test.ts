import { expect, it } from 'vitest';
import type { BootPartition } from '../../../../edge/image/boot-partition.js';
import { imageArch } from '../../../../edge/image/flash/arch.js';

function bootOf(files: Readonly<Record<string, string>>): BootPartition {
  return {
    read: (path) => (files[path] === undefined ? undefined : Buffer.from(files[path])),
    sha256: () => undefined,
    list: () => Object.keys(files),
    write: () => undefined,
    remove: () => undefined,
    freeBytes: () => 0,
  };
}

it.each<[string, Record<string, string>, ReturnType<typeof imageArch>]>([
  [
    'Raspberry Pi OS of 64 bits',
    { 'kernel8.img': '', 'kernel_2712.img': '', 'config.txt': 'arm_64bit=1\n' },
    { arch: 'arm64', because: 'its only kernel is kernel8.img' },
  ],
  [
    'of 32 bits, which boots kernel8.img where it can',
    { 'kernel.img': '', 'kernel7.img': '', 'kernel7l.img': '', 'kernel8.img': '', 'config.txt': '' },
    { arch: 'armv7l', because: 'it carries kernel7.img' },
  ],
  [
    'told so',
    { 'kernel8.img': '', 'config.txt': '[all]\narm_64bit=0' },
    { arch: 'armv7l', because: 'config.txt says arm_64bit=0' },
  ],
  [
    'of another maker',
    { 'config.txt': 'arm_64bit=1\nkernel=vmlinuz' },
    { arch: 'arm64', because: 'config.txt says arm_64bit=1' },
  ],
  [
    'for one board only',
    { 'kernel8.img': '', 'config.txt': '[pi3]\narm_64bit=0\n[ALL]\n' },
    { arch: 'arm64', because: 'its only kernel is kernel8.img' },
  ],
  ['that contradicts itself', { 'kernel7.img': '', 'config.txt': 'arm_64bit=1' }, undefined],
  ['without a hint', { 'config.txt': '' }, undefined],
])('an image %s', (_, files, expected) => expect(imageArch(bootOf(files))).toEqual(expected));
