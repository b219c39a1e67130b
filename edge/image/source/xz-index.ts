import { readSync } from 'node:fs';
import { crc32 } from '#core/runtime/crc32.js';
import { RejectedError } from '#core/runtime/errors.js';

/** What an xz file says of itself: at its end are the sizes of its blocks, at its start how they are packed. */
export interface XzIndex {
  readonly imageBytes: number;
  readonly streams: readonly XzStream[];
}

export interface XzStream {
  readonly startBytes: number;
  readonly hasBlocks: boolean;
  /** How blocks are checked: 0 not, 1 CRC32, 4 CRC64, 10 SHA-256. */
  readonly check: number;
}

const headerBytes = 12;
/** A block is hardly below 10 bytes there: 400,000 blocks. */
const maxIndexBytes = 4 * 1024 * 1024;
const maxStreams = 100_000;

/**
 * Reads the end of an xz file: streams one after the other, each with an index, zeros between them. [xz file format 1.2.0]
 * Throws RejectedError `corrupt`; a file that is cut short has no such end, and is found before anything is unpacked.
 */
export function readXzIndex(fd: number, fileBytes: number): XzIndex {
  const streams: XzStream[] = [];
  let imageBytes = 0;
  let end = fileBytes;
  while (end > 0) {
    end = skipZeros(fd, end);
    const stream = readStreamBefore(fd, end);
    if (stream.startBytes < 0 || streams.length >= maxStreams) throw damaged('its index does not fit the file');
    imageBytes += stream.imageBytes;
    streams.unshift(stream);
    end = stream.startBytes;
  }
  if (!Number.isSafeInteger(imageBytes)) throw damaged('its index claims an impossible size');
  return { imageBytes, streams };
}

function readStreamBefore(fd: number, end: number): XzStream & { readonly imageBytes: number } {
  const footer = readAt(fd, end - headerBytes, headerBytes);
  if (footer[10] !== 0x59 || footer[11] !== 0x5a)
    throw damaged('it does not end as an xz file, so it was cut short or has something behind it');
  if (crc32(footer.subarray(4, 10)) !== footer.readUInt32LE(0)) throw damaged('the checksum of its end is wrong');
  const indexBytes = (footer.readUInt32LE(4) + 1) * 4;
  if (indexBytes > maxIndexBytes) throw damaged(`its index of ${indexBytes} bytes is too large`);
  const index = readAt(fd, end - headerBytes - indexBytes, indexBytes);
  if (crc32(index.subarray(0, -4)) !== index.readUInt32LE(indexBytes - 4))
    throw damaged('the checksum of its index is wrong');
  const { packedBytes, imageBytes, blocks } = sumRecords(index);
  const startBytes = end - 2 * headerBytes - indexBytes - packedBytes;
  if (startBytes < 0) throw damaged('its index does not fit the file');
  const header = readAt(fd, startBytes, headerBytes);
  const fits = header.subarray(0, 6).equals(Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0])) && header[7] === footer[9];
  if (!fits) throw damaged('its index does not fit the file');
  return { startBytes, imageBytes, hasBlocks: blocks > 0, check: header[7]! & 0x0f };
}

function sumRecords(index: Buffer): { packedBytes: number; imageBytes: number; blocks: number } {
  const count = readNumber(index, 1);
  let { at } = count;
  let packedBytes = 0;
  let imageBytes = 0;
  for (let block = 0; block < count.value; block++) {
    const packed = readNumber(index, at);
    const unpacked = readNumber(index, packed.at);
    at = unpacked.at;
    packedBytes += Math.ceil(packed.value / 4) * 4;
    imageBytes += unpacked.value;
  }
  return { packedBytes, imageBytes, blocks: count.value };
}

/** Seven bits in each byte, the low ones first. */
export function readNumber(bytes: Uint8Array, from: number): { readonly value: number; readonly at: number } {
  let value = 0;
  for (let at = from; at < from + 9; at++) {
    const byte = bytes[at];
    if (byte === undefined) break;
    value += (byte & 0x7f) * 2 ** (7 * (at - from));
    if (byte < 0x80) return { value, at: at + 1 };
  }
  throw damaged('a number in it has no end');
}

/** Padding comes in fours. */
function skipZeros(fd: number, end: number): number {
  const step = 64 * 1024;
  for (let at = end; at >= headerBytes;) {
    const count = Math.min(step, at - (at % 4));
    const bytes = readAt(fd, at - count, count);
    for (let word = count - 4; word >= 0; word -= 4) {
      if (bytes.readUInt32LE(word) !== 0) return at - count + word + 4;
    }
    at -= count;
  }
  throw damaged('it holds nothing but zeros');
}

export function readAt(fd: number, position: number, count: number): Buffer {
  const bytes = Buffer.alloc(count);
  if (position < 0 || readSync(fd, bytes, 0, count, position) !== count) throw damaged('it is shorter than it says');
  return bytes;
}

function damaged(why: string): RejectedError {
  return new RejectedError('corrupt', why);
}
