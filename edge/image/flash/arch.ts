import type { ReleaseArch } from '#core/contract/release.js';
import type { BootPartition } from '../boot-partition.js';

/** For which machine the programs of an image are, and how that was seen. */
export interface ImageArch {
  readonly arch: Exclude<ReleaseArch, 'x64'>;
  readonly because: string;
}

/** Kernels that only images with 32-bit programs carry; these carry kernel8.img as well, and may run on it. */
const kernels32 = ['kernel7.img', 'kernel7l.img', 'kernel.img'];
const kernels64 = ['kernel8.img', 'kernel_2712.img'];

/**
 * Told by the boot partition, for the kernel alone tells nothing of the programs: Raspberry Pi OS of 32 bits boots a kernel
 * of 64 on boards that can. Undefined if it cannot be told.
 */
export function imageArch(boot: BootPartition): ImageArch | undefined {
  const names = new Set(boot.list().map((name) => name.toLowerCase()));
  const bits = armBits(boot);
  if (bits === '0') return { arch: 'armv7l', because: 'config.txt says arm_64bit=0' };
  const old = kernels32.find((name) => names.has(name));
  const is64 = bits === '1' || kernels64.some((name) => names.has(name));
  if (old !== undefined) return bits === '1' ? undefined : { arch: 'armv7l', because: `it carries ${old}` };
  if (!is64) return undefined;
  const kernel = kernels64.find((name) => names.has(name));
  return {
    arch: 'arm64',
    because: kernel === undefined ? 'config.txt says arm_64bit=1' : `its only kernel is ${kernel}`,
  };
}

/** The last `arm_64bit` of a section that is for every board. */
function armBits(boot: BootPartition): string | undefined {
  const config = boot.read('config.txt');
  let isForAll = true;
  let bits: string | undefined;
  for (const line of Buffer.from(config ?? [])
    .toString('latin1')
    .split(/\r?\n/)) {
    const section = /^\s*\[(.+)\]/.exec(line)?.[1];
    if (section !== undefined) isForAll = section.toLowerCase() === 'all';
    const value = /^\s*arm_64bit\s*=\s*(\d)/.exec(line)?.[1];
    if (isForAll && value !== undefined) bits = value;
  }
  return bits;
}
