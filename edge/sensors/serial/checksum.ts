interface Checksum {
  readonly bytes: 1 | 2;
  readonly of: (data: Buffer, from: number, to: number) => number;
}

/** How a frame says that it is whole. */
export const checksums = {
  sum8: { bytes: 1, of: (data, from, to) => sum(data, from, to) & 0xff },
  sum16: { bytes: 2, of: (data, from, to) => sum(data, from, to) & 0xffff },
  xor8: { bytes: 1, of: xor },
  'crc16-modbus': { bytes: 2, of: crc16Modbus },
} as const satisfies Record<string, Checksum>;

export type ChecksumKind = keyof typeof checksums;

function sum(data: Buffer, from: number, to: number): number {
  let total = 0;
  for (let i = from; i < to; i += 1) total += data[i]!;
  return total;
}

function xor(data: Buffer, from: number, to: number): number {
  let total = 0;
  for (let i = from; i < to; i += 1) total ^= data[i]!;
  return total;
}

/** Polynomial 0x8005 reflected, from 0xffff: MODBUS over Serial Line V1.02, 6.2.2. */
function crc16Modbus(data: Buffer, from: number, to: number): number {
  let crc = 0xffff;
  for (let i = from; i < to; i += 1) {
    crc ^= data[i]!;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xa001 : crc >>> 1;
  }
  return crc;
}
