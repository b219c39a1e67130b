import { crc32 } from '#core/runtime/crc32.js';
import type { SequenceRange } from '#core/contract/sequence-ranges.js';
import type { Entry, Lane } from './outbox.js';

/**
 * `raw` as appended; `thinned` carries several in less detail; a `tombstone` only tells what was dropped. A `damaged`
 * one cannot be read back: it is never offered, and goes when space is needed.
 */
export type EntryKind = 'raw' | 'thinned' | 'tombstone' | 'damaged';

/** An entry with what the outbox must know of it, beside what the wire sees. */
export interface HeldEntry extends Entry {
  readonly kind: EntryKind;
  /** How many readings a tombstone tells of; 0 for the others. */
  readonly dropped: number;
  /** Numbers whose place this entry takes, its own predecessors' included. */
  readonly replaces: readonly SequenceRange[];
}

const storedKinds: readonly EntryKind[] = ['raw', 'thinned', 'tombstone'];
const layout = 1;
const checksumAt = 14;
const fixedBytes = 18;
const rangeBytes = 16;
const laneBytes = { alert: 0x61, data: 0x64 } as const;

/** 8 bytes of number, then the lane: LevelDB then only ever sees rising keys, which it need not merge with older ones. */
export function entryKey(seq: number, lane: Lane): Buffer {
  const key = Buffer.allocUnsafe(9);
  writeNumber(key, seq);
  key[8] = laneBytes[lane];
  return key;
}

/** Sorts after every pack below `seq` and before all others. */
export function boundaryKey(seq: number): Buffer {
  const key = Buffer.allocUnsafe(8);
  writeNumber(key, seq);
  return key;
}

/** Where the cursors stand: right behind the last pack, so that they are the last key, and rise with the packs. */
export function cursorsKey(nextSeq: number): Buffer {
  return boundaryKey(nextSeq);
}

export function isCursorsKey(key: Buffer): boolean {
  return key.length === 8;
}

function writeNumber(key: Buffer, seq: number): void {
  key.writeUInt32BE(Math.floor(seq / 2 ** 32), 0);
  key.writeUInt32BE(seq % 2 ** 32, 4);
}

export function parseEntryKey(key: Buffer): { seq: number; lane: Lane } {
  const seq = key.readUInt32BE(0) * 2 ** 32 + key.readUInt32BE(4);
  return { seq, lane: key[8] === laneBytes.alert ? 'alert' : 'data' };
}

export function encodeEntry(entry: HeldEntry): Buffer {
  const head = fixedBytes + entry.replaces.length * rangeBytes;
  const value = Buffer.allocUnsafe(head + entry.payload.byteLength);
  value[0] = layout;
  value[1] = storedKinds.indexOf(entry.kind);
  value.writeUInt32BE(entry.readings, 2);
  value.writeUInt32BE(entry.dropped, 6);
  value.writeUInt32BE(entry.replaces.length, 10);
  let at = fixedBytes;
  for (const [from, to] of entry.replaces) {
    value.writeDoubleBE(from, at);
    value.writeDoubleBE(to, at + 8);
    at += rangeBytes;
  }
  value.set(entry.payload, head);
  value.writeUInt32BE(checksum(value), checksumAt);
  return value;
}

/** LevelDB checks what it reads back only if told to, and then gives up a whole block; this gives up one pack. */
function checksum(value: Buffer): number {
  return crc32(value.subarray(fixedBytes), crc32(value.subarray(0, checksumAt)));
}

/** The payload is a view of `value`. */
export function decodeEntry(key: Buffer, value: Buffer): HeldEntry {
  const kind = storedKinds[value[1]!];
  if (value.length < fixedBytes || value[0] !== layout || kind === undefined) return damaged(key);
  if (value.readUInt32BE(checksumAt) !== checksum(value)) return damaged(key);
  const count = value.readUInt32BE(10);
  const replaces: SequenceRange[] = [];
  for (let i = 0; i < count; i += 1) {
    const at = fixedBytes + i * rangeBytes;
    replaces.push([value.readDoubleBE(at), value.readDoubleBE(at + 8)]);
  }
  return {
    ...parseEntryKey(key),
    readings: value.readUInt32BE(2),
    kind,
    dropped: value.readUInt32BE(6),
    replaces,
    payload: value.subarray(fixedBytes + count * rangeBytes),
  };
}

function damaged(key: Buffer): HeldEntry {
  return { ...parseEntryKey(key), readings: 0, kind: 'damaged', dropped: 0, replaces: [], payload: Buffer.alloc(0) };
}
