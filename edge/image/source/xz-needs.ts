import { crc32 } from '#core/runtime/crc32.js';
import { readAt, readNumber, type XzIndex } from './xz-index.js';

const lzma2 = 0x21;
/** The window that our decoder keeps in memory at most; `xz -9` uses just that. */
const maxWindowBytes = 64 * 1024 * 1024;

/**
 * What our decoder (xz-embedded) does not have and this file uses, in words; undefined if there is nothing. Images of
 * Raspberry Pi OS, made by `xz -T0`, use none of it.
 */
export function beyondOurDecoder(fd: number, { streams }: XzIndex): string | undefined {
  for (const { startBytes, hasBlocks, check } of streams) {
    if (check !== 0 && check !== 1 && check !== 4) return 'a check by SHA-256';
    const block = hasBlocks ? blockNeeds(readAt(fd, startBytes + 12, 1)[0]!, fd, startBytes + 12) : undefined;
    if (block) return block;
  }
  return undefined;
}

/** The first block stands for all of its stream: no program writes others. */
function blockNeeds(sizeByte: number, fd: number, position: number): string | undefined {
  const header = readAt(fd, position, (sizeByte + 1) * 4);
  // What is damaged needs nothing: whoever unpacks it finds that.
  if (crc32(header.subarray(0, -4)) !== header.readUInt32LE(header.length - 4)) return undefined;
  const flags = header[1]!;
  if ((flags & 3) !== 0) return 'a filter for machine code';
  let at = 2;
  if (flags & 0x40) ({ at } = readNumber(header, at));
  if (flags & 0x80) ({ at } = readNumber(header, at));
  const filter = readNumber(header, at);
  const properties = readNumber(header, filter.at);
  if (filter.value !== lzma2) return 'a method other than LZMA2';
  const bits = header[properties.at] ?? 0;
  const windowBytes = (2 | (bits & 1)) * 2 ** (Math.floor(bits / 2) + 11);
  return windowBytes > maxWindowBytes ? `a window of ${Math.round(windowBytes / 2 ** 20)} MiB` : undefined;
}
