import type { ReleaseArch } from '#core/contract/release.js';
import { RejectedError } from '#core/runtime/errors.js';

/** By class (1: 32 bit, 2: 64 bit) and machine of the ELF header. */
const machines: Readonly<Record<string, ReleaseArch | 'x86'>> = {
  '2:183': 'arm64',
  '1:40': 'armv7l',
  '2:62': 'x64',
  '1:3': 'x86',
};

export function isElf(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(4, bytes.length)).equals(Buffer.from('\x7fELF'));
}

/** The machine that a little-endian ELF file is for; undefined for one we know no name of. An armv6 binary says armv7l. */
export function elfArch(bytes: Uint8Array): ReleaseArch | 'x86' | undefined {
  if (!isElf(bytes) || bytes.length < 64 || bytes[5] !== 1) return undefined;
  return machines[`${bytes[4]}:${viewOf(bytes).getUint16(18, true)}`];
}

/** Where the fields of the header are, which differ between 32 and 64 bit. */
const layouts = {
  1: { phoff: 28, shoff: 32, phentsize: 42, shentsize: 46, offset: 4, fileSize: 16, word: 4 },
  2: { phoff: 32, shoff: 40, phentsize: 54, shentsize: 58, offset: 8, fileSize: 32, word: 8 },
} as const;

/**
 * An executable without what only debuggers and linkers read: all that lies behind the last segment, and the table of
 * sections. What is loaded at run time stays as it is. Throws RejectedError `corrupt`.
 */
export function stripElf(bytes: Uint8Array): Uint8Array {
  const layout = layouts[bytes[4] as 1 | 2];
  if (!isElf(bytes) || layout === undefined) throw new RejectedError('corrupt', 'not an ELF executable');
  const stripped = bytes.slice(0, endOfSegments(bytes, layout));
  const view = viewOf(stripped);
  for (let at: number = layout.shoff; at < layout.shoff + layout.word; at += 4) view.setUint32(at, 0, true);
  for (const at of [0, 2, 4]) view.setUint16(layout.shentsize + at, 0, true);
  return stripped;
}

function endOfSegments(
  bytes: Uint8Array,
  { phoff, phentsize, offset, fileSize, word }: (typeof layouts)[1 | 2],
): number {
  const view = viewOf(bytes);
  const number = (at: number): number => (word === 4 ? view.getUint32(at, true) : Number(view.getBigUint64(at, true)));
  try {
    const [first, size, count] = [number(phoff), view.getUint16(phentsize, true), view.getUint16(phentsize + 2, true)];
    const headers = Array.from({ length: count }, (_, i) => first + i * size);
    const end = Math.max(first + count * size, ...headers.map((at) => number(at + offset) + number(at + fileSize)));
    if (end > bytes.length) throw new RangeError('a segment ends behind the file');
    return end;
  } catch (cause) {
    throw new RejectedError('corrupt', 'the executable is cut off', { cause });
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
