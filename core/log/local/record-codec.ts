import { FatalError } from '../../runtime/errors.js';
import type { LogRecord, StoredRecord } from '../log.js';

// Layout of a stored record: version (1 byte), appendedUs (8, double), key length (4), header count (4),
// per header: name length (4), value length (4); then the key, names and values, and the record's value to the end.
const version = 1;
const fixedBytes = 17;
const perHeaderBytes = 8;

/** The stored form of a record, without its offset, which is its key in LevelDB. */
export function encodeRecord(record: LogRecord, appendedUs: number): Buffer {
  const headers = Object.entries(record.headers ?? {}).flat();
  const keyBytes = Buffer.byteLength(record.key);
  const headBytes = fixedBytes + (headers.length / 2) * perHeaderBytes;
  const textBytes = headers.reduce((sum, text) => sum + Buffer.byteLength(text), keyBytes);
  const buffer = Buffer.allocUnsafe(headBytes + textBytes + record.value.byteLength);
  buffer.writeUInt8(version, 0);
  buffer.writeDoubleBE(appendedUs, 1);
  buffer.writeUInt32BE(keyBytes, 9);
  buffer.writeUInt32BE(headers.length / 2, 13);
  let at = headBytes + buffer.write(record.key, headBytes);
  headers.forEach((text, index) => {
    const length = buffer.write(text, at);
    at += length;
    buffer.writeUInt32BE(length, fixedBytes + index * 4);
  });
  buffer.set(record.value, at);
  return buffer;
}

/** Reverses {@link encodeRecord}; the value shares the buffer's memory. Throws FatalError for another version. */
export function decodeRecord(offset: number, buffer: Buffer): StoredRecord {
  if (buffer[0] !== version) {
    throw new FatalError('bad-data-format', `record ${offset} has format ${buffer[0]}, this program reads ${version}`);
  }
  const headerCount = buffer.readUInt32BE(13);
  let at = fixedBytes + headerCount * perHeaderBytes;
  const text = (length: number): string => buffer.toString('utf8', at, (at += length));
  const key = text(buffer.readUInt32BE(9));
  const headers: Record<string, string> = {};
  for (let i = 0; i < headerCount; i += 1) {
    const name = text(buffer.readUInt32BE(fixedBytes + i * perHeaderBytes));
    headers[name] = text(buffer.readUInt32BE(fixedBytes + i * perHeaderBytes + 4));
  }
  const appendedUs = buffer.readDoubleBE(1);
  const value = buffer.subarray(at);
  return headerCount === 0 ? { key, value, offset, appendedUs } : { key, value, headers, offset, appendedUs };
}

/** Eight bytes, big-endian, so that LevelDB's byte order is the order of offsets. */
export function offsetKey(offset: number): Buffer {
  const key = Buffer.allocUnsafe(8);
  key.writeUInt32BE(Math.floor(offset / 0x1_0000_0000), 0);
  key.writeUInt32BE(offset % 0x1_0000_0000, 4);
  return key;
}

/** Reverses {@link offsetKey}; reads at `at`. */
export function readOffset(buffer: Buffer, at = 0): number {
  return buffer.readUInt32BE(at) * 0x1_0000_0000 + buffer.readUInt32BE(at + 4);
}
