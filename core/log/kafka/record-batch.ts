import type { LogRecord } from '../log.js';
import { crc32c } from './crc32c.js';

// https://kafka.apache.org/documentation/#recordbatch
const headBytes = 61;
const magic = 2;
const lengthAt = 8;
const crcAt = 17;
const attributesAt = 21;
/** Of what stands before `partitionLeaderEpoch`; the batch's length leaves it out. */
const outsideBytes = 12;

/** Compresses what stands in a batch behind its head. */
export interface BatchCodec {
  /** The number of the codec in the attributes of a batch; 0 for none. */
  readonly attribute: number;
  compress(records: Buffer): Promise<Buffer> | Buffer;
}

/** A batch of the format 2, which Kafka stores as it is: kafkajs makes objects of each record's every field. */
export async function encodeBatch(records: readonly LogRecord[], codec: BatchCodec, nowMs: number): Promise<Buffer> {
  const body = encodeRecords(records);
  const compressed = codec.attribute === 0 ? body : await codec.compress(body);
  const batch = Buffer.allocUnsafe(headBytes + compressed.length);
  // Everything that is not written here is 0: base offset, leader epoch.
  batch.fill(0, 0, headBytes);
  batch.writeInt32BE(batch.length - outsideBytes, lengthAt);
  batch[16] = magic;
  batch.writeInt16BE(codec.attribute, attributesAt);
  batch.writeInt32BE(records.length - 1, 23);
  batch.writeBigInt64BE(BigInt(nowMs), 27);
  batch.writeBigInt64BE(BigInt(nowMs), 35);
  // No idempotent producer: id, epoch and first sequence are -1.
  batch.fill(0xff, 43, 57);
  batch.writeInt32BE(records.length, 57);
  compressed.copy(batch, headBytes);
  batch.writeUInt32BE(crc32c(batch, attributesAt), crcAt);
  return batch;
}

function encodeRecords(records: readonly LogRecord[]): Buffer {
  const sizes = records.map(sizeOf);
  let total = 0;
  for (const size of sizes) total += varintSize(size) + size;
  const writer = new Writer(Buffer.allocUnsafe(total));
  for (let i = 0; i < records.length; i += 1) writer.record(records[i]!, i, sizes[i]!);
  return writer.bytes;
}

/** Of one record behind its length. */
function sizeOf({ key, value, headers }: LogRecord, index: number): number {
  const keyBytes = Buffer.byteLength(key);
  // Attributes and the difference of its time, which is 0.
  let size = 2 + varintSize(index) + varintSize(keyBytes) + keyBytes + varintSize(value.length) + value.length;
  if (headers === undefined) return size + 1;
  const names = Object.keys(headers);
  size += varintSize(names.length);
  for (const name of names) size += textSize(name) + textSize(headers[name]!);
  return size;
}

function textSize(text: string): number {
  const bytes = Buffer.byteLength(text);
  return varintSize(bytes) + bytes;
}

/** Numbers are written with their sign in the lowest bit, seven bits in a byte. All of ours are positive. */
function varintSize(value: number): number {
  if (value < 64) return 1;
  if (value < 8192) return 2;
  return value < 1_048_576 ? 3 : value < 134_217_728 ? 4 : 5;
}

class Writer {
  private at = 0;

  constructor(readonly bytes: Buffer) {}

  record({ key, value, headers }: LogRecord, index: number, size: number): void {
    this.varint(size);
    this.bytes[this.at] = 0;
    this.bytes[this.at + 1] = 0;
    this.at += 2;
    this.varint(index);
    this.text(key);
    this.varint(value.length);
    this.bytes.set(value, this.at);
    this.at += value.length;
    const names = headers === undefined ? [] : Object.keys(headers);
    this.varint(names.length);
    for (const name of names) {
      this.text(name);
      this.text(headers![name]!);
    }
  }

  private text(text: string): void {
    this.varint(Buffer.byteLength(text));
    this.at += this.bytes.write(text, this.at, 'utf8');
  }

  private varint(value: number): void {
    let rest = value * 2;
    for (; rest >= 0x80; rest = Math.floor(rest / 128)) this.bytes[this.at++] = (rest & 0x7f) | 0x80;
    this.bytes[this.at++] = rest;
  }
}
