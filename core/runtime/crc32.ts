import zlib from 'node:zlib';

/** Node has its own since 20.15; the Node 20 that boards of 32 bits still find is older. */
export const crc32: (bytes: Uint8Array, value?: number) => number = zlib.crc32 ?? crc32ByTable;

const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte;
  for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? (rest >>> 1) ^ 0xedb88320 : rest >>> 1;
  return rest;
});

/** The CRC-32 of zlib and PNG. `value` is that of the bytes before. */
export function crc32ByTable(bytes: Uint8Array, value = 0): number {
  let crc = ~value;
  for (const byte of bytes) crc = (crc >>> 8) ^ table[(crc ^ byte) & 0xff]!;
  return ~crc >>> 0;
}
