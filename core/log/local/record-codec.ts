import { crc32 } from 'node:zlib';
import { FatalError } from '../../runtime/errors.js';
import type { LogRecord, StoredRecord } from '../log.js';

// Layout of a stored record: version (1 byte), CRC-32 of all that follows (4), appendedUs (8, double), key length (4),
// header count (4), per header: name length (4), value length (4); then the key, names and values, and the record's
// value to the end. LevelDB has checksums of its own, but does not look at them when it reads.
const version = 1;
const at = { crc: 1, appendedUs: 5, keyLength: 13, headerCount: 17, headers: 21 } as const;
const perHeaderBytes = 8;

/** The stored form of a record, without its offset, which is its key in LevelDB. */
export function encodeRecord(record: LogRecord, appendedUs: number): Buffer {
  const headers = Object.entries(record.headers ?? {}).flat();
  const keyBytes = Buffer.byteLength(record.key);
  const headBytes = at.headers + (headers.length / 2) * perHeaderBytes;
  const textBytes = headers.reduce((sum, text) => sum + Buffer.byteLength(text), keyBytes);
  const buffer = Buffer.allocUnsafe(headBytes + textBytes + record.value.byteLength);
  buffer.writeUInt8(version, 0);
  buffer.writeDoubleBE(appendedUs, at.appendedUs);
  buffer.writeUInt32BE(keyBytes, at.keyLength);
  buffer.writeUInt32BE(headers.length / 2, at.headerCount);
  let end = headBytes + buffer.write(record.key, headBytes);
  headers.forEach((text, index) => {
    const length = buffer.write(text, end);
    end += length;
    buffer.writeUInt32BE(length, at.headers + index * 4);
  });
  buffer.set(record.value, end);
  buffer.writeUInt32BE(crc32(buffer.subarray(at.appendedUs)), at.crc);
  return buffer;
}

/**
 * Reverses {@link encodeRecord}; the value shares the buffer's memory. Throws FatalError `bad-data-format` for another
 * version, and `corrupt` where the disk has changed something; `place` is for their texts.
 */
export function decodeRecord(offset: number, buffer: Buffer, place: string): StoredRecord {
  check(`record ${offset} in ${place}`, buffer);
  const headerCount = buffer.readUInt32BE(at.headerCount);
  let end = at.headers + headerCount * perHeaderBytes;
  const text = (length: number): string => buffer.toString('utf8', end, (end += length));
  const key = text(buffer.readUInt32BE(at.keyLength));
  const headers: [name: string, text: string][] = [];
  for (let i = 0; i < headerCount; i += 1) {
    const name = text(buffer.readUInt32BE(at.headers + i * perHeaderBytes));
    headers.push([name, text(buffer.readUInt32BE(at.headers + i * perHeaderBytes + 4))]);
  }
  const appendedUs = buffer.readDoubleBE(at.appendedUs);
  const value = buffer.subarray(end);
  // Also a header named __proto__ is one.
  return headerCount === 0
    ? { key, value, offset, appendedUs }
    : { key, value, headers: Object.fromEntries(headers), offset, appendedUs };
}

function check(record: string, buffer: Buffer): void {
  if (buffer[0] !== version) {
    throw new FatalError('bad-data-format', `${record} has format ${buffer[0]}, this program reads ${version}`);
  }
  if (buffer.length < at.headers || crc32(buffer.subarray(at.appendedUs)) !== buffer.readUInt32BE(at.crc)) {
    throw new FatalError('corrupt', `${record} is not what was written: check the disk, then restore the log`);
  }
}

/** Eight bytes, big-endian, so that LevelDB's byte order is the order of offsets. */
export function offsetKey(offset: number): Buffer {
  const key = Buffer.allocUnsafe(8);
  key.writeUInt32BE(Math.floor(offset / 0x1_0000_0000), 0);
  key.writeUInt32BE(offset % 0x1_0000_0000, 4);
  return key;
}

/** Reverses {@link offsetKey}; reads from byte `from`. */
export function readOffset(buffer: Buffer, from = 0): number {
  return buffer.readUInt32BE(from) * 0x1_0000_0000 + buffer.readUInt32BE(from + 4);
}
