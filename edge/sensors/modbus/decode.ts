import type { Quality, Value } from '#core/contract/reading.js';
import { scaled } from '../channel-shape.js';
import { registerTypes, tables, type ByteOrder, type Register, type RegisterType } from './register-map.js';

const scratch = Buffer.alloc(8);

/** What the register says, in the unit of its channel; undefined if it says that it has no value. */
export type Decode = (data: Buffer, index: number) => { readonly value: Value; readonly quality: Quality } | undefined;

/**
 * Reads a channel from a block's bytes, `index` registers (or bits) after the block's beginning. NaN, an invalid value of
 * the map, and an integer that no number holds exactly are no value.
 */
export function decoder(register: Register): Decode {
  const { table, type, bit } = register;
  if (tables[table].isBits) return (data, index) => good(((data[index >> 3]! >> (index & 7)) & 1) === 1);
  const raw = rawReader(type, register.byteOrder);
  if (type === 'bool') {
    const mask = bit === undefined ? 0xffff : 1 << bit;
    return (data, index) => good((raw(data, index) & mask) !== 0);
  }
  const isInvalid = invalidTest(register);
  const { min = -Infinity, max = Infinity } = register;
  return (data, index) => {
    const number = raw(data, index);
    if (isInvalid(number)) return undefined;
    const value = scaled(number, register);
    return { value, quality: value >= min && value <= max ? 'good' : 'out-of-range' };
  };
}

function good(value: Value) {
  return { value, quality: 'good' } as const;
}

/** A sentinel may be written as the bits of the register: 0x8000 for an int16 is -32768. */
function invalidTest({ invalid = [], type }: Register): (raw: number) => boolean {
  const { bytes, isSigned } = registerTypes[type];
  const written = new Set([invalid].flat());
  const span = 2 ** (bytes * 8);
  return (raw) => {
    if (!Number.isFinite(raw)) return true;
    if (!type.startsWith('float') && !Number.isSafeInteger(raw)) return true;
    return written.has(raw) || (isSigned && raw < 0 && written.has(raw + span));
  };
}

const readers: Record<RegisterType, (bytes: Buffer) => number> = {
  uint16: (bytes) => bytes.readUInt16BE(0),
  int16: (bytes) => bytes.readInt16BE(0),
  uint32: (bytes) => bytes.readUInt32BE(0),
  int32: (bytes) => bytes.readInt32BE(0),
  uint64: (bytes) => exact(bytes.readBigUInt64BE(0)),
  int64: (bytes) => exact(bytes.readBigInt64BE(0)),
  float32: (bytes) => bytes.readFloatBE(0),
  float64: (bytes) => bytes.readDoubleBE(0),
  bool: (bytes) => bytes.readUInt16BE(0),
};

function exact(integer: bigint): number {
  const number = Number(integer);
  return Number.isSafeInteger(number) ? number : NaN;
}

function rawReader(type: RegisterType, order: ByteOrder): (data: Buffer, index: number) => number {
  const { bytes } = registerTypes[type];
  const read = readers[type];
  // Where in the block each byte of the big-endian number stands.
  const places = Array.from({ length: bytes }, (_, i) => {
    const word = order === 'CDAB' || order === 'DCBA' ? bytes / 2 - 1 - (i >> 1) : i >> 1;
    return word * 2 + (order === 'BADC' || order === 'DCBA' ? 1 - (i & 1) : i & 1);
  });
  return (data, index) => {
    for (let i = 0; i < bytes; i += 1) scratch[i] = data[index * 2 + places[i]!]!;
    return read(scratch);
  };
}
