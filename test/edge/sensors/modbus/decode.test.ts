import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decoder } from '../../../../edge/sensors/modbus/decode.js';
import {
  byteOrders,
  registerMapSchema,
  registerTypes,
  type ByteOrder,
  type RegisterType,
} from '../../../../edge/sensors/modbus/register-map.js';

function decode(bytes: string, options: object): unknown {
  const entry = { name: 'x', quantity: 'q', unit: '/', address: 0, ...options };
  const got = decoder(registerMapSchema.parse([entry])[0]!)(Buffer.from(bytes.replaceAll(' ', ''), 'hex'), 0);
  return got && (got.quality === 'good' ? got.value : got);
}

/** Writes as the byte order's letters say, independently of the code: A is the highest of four bytes. */
function encode(type: RegisterType, value: number, order: ByteOrder): string {
  const { bytes } = registerTypes[type];
  const plain = Buffer.alloc(bytes);
  if (type === 'float32') plain.writeFloatBE(value);
  else if (type === 'float64') plain.writeDoubleBE(value);
  else if (type === 'uint64') plain.writeBigUInt64BE(BigInt(value));
  else if (type === 'int64') plain.writeBigInt64BE(BigInt(value));
  else if (type.startsWith('int')) plain.writeIntBE(value, 0, bytes);
  else plain.writeUIntBE(value, 0, bytes);
  if (order === 'BADC' || order === 'DCBA') plain.swap16();
  const words = plain.toString('hex').match(/..../g)!;
  return (order === 'CDAB' || order === 'DCBA' ? words.reverse() : words).join('');
}

describe('a register', () => {
  it.each([
    ['00FF', {}, 255],
    ['FF38', { type: 'int16', scale: 0.1 }, -20],
    ['FF00', { byteOrder: 'BADC' }, 255],
    ['FF00', { byteOrder: 'DCBA' }, 255],
    ['4248 0000', { type: 'float32' }, 50],
    ['0000 4248', { type: 'float32', byteOrder: 'CDAB' }, 50],
    ['4842 0000', { type: 'float32', byteOrder: 'BADC' }, 50],
    ['0000 4842', { type: 'float32', byteOrder: 'DCBA' }, 50],
    ['0001 86A0', { type: 'uint32', scale: 0.001 }, 100],
    ['FFFF FFFE', { type: 'int32', offset: 5 }, 3],
    ['001F FFFF FFFF FFFF', { type: 'uint64' }, Number.MAX_SAFE_INTEGER],
    ['0020 0000 0000 0000', { type: 'uint64' }, undefined],
    ['FFFF FFFF FFFF FFFF', { type: 'int64' }, -1],
    ['0000 0000 0000 4024', { type: 'float64', byteOrder: 'CDAB' }, 10],
    ['7FC0 0000', { type: 'float32' }, undefined],
    ['7F80 0000', { type: 'float32' }, undefined],
    ['8000', { type: 'int16', invalid: 0x8000 }, undefined],
    ['8000', { type: 'int16', invalid: -32_768 }, undefined],
    ['7FFF', { type: 'int16', invalid: [0x8000, 0x7fff] }, undefined],
    ['8001', { type: 'int16', invalid: 0x8000 }, -32_767],
    ['FFFF FFFF', { type: 'uint32', invalid: 0xffffffff }, undefined],
    ['0064', { max: 99.5 }, { value: 100, quality: 'out-of-range' }],
    ['0064', { min: 0, max: 10, scale: 0.1 }, 10],
    ['FFFF', { type: 'int16', min: 0 }, { value: -1, quality: 'out-of-range' }],
    ['0000', { type: 'bool' }, false],
    ['0100', { type: 'bool' }, true],
    ['0008', { bit: 3 }, true],
    ['FFF7', { bit: 3 }, false],
    ['0800', { bit: 3, byteOrder: 'BADC' }, true],
    ['08', { table: 'coil' }, false],
    ['01', { table: 'discrete' }, true],
  ])('%s with %j', (bytes, options, value) => expect(decode(bytes, options)).toEqual(value));

  it('is read back in each type and byte order', () => {
    const numbers: Record<RegisterType, fc.Arbitrary<number>> = {
      uint16: fc.integer({ min: 0, max: 0xffff }),
      int16: fc.integer({ min: -0x8000, max: 0x7fff }),
      uint32: fc.integer({ min: 0, max: 0xffffffff }),
      int32: fc.integer({ min: -0x80000000, max: 0x7fffffff }),
      uint64: fc.maxSafeNat(),
      int64: fc.maxSafeInteger(),
      float32: fc.float({ noNaN: true, noDefaultInfinity: true }),
      float64: fc.double({ noNaN: true, noDefaultInfinity: true }),
      bool: fc.constant(1),
    };
    const cases = fc
      .constantFrom(...(Object.keys(registerTypes) as RegisterType[]))
      .chain((type) => fc.tuple(fc.constant(type), numbers[type], fc.constantFrom(...byteOrders)));
    fc.assert(
      fc.property(cases, ([type, value, byteOrder]) => {
        const read = decode(encode(type, value, byteOrder), { type, byteOrder });
        // Scaling turns -0 into 0.
        expect(type === 'bool' ? Number(read) : read).toBe(value === 0 ? 0 : value);
      }),
      { numRuns: 300 },
    );
  });
});

describe('a register map', () => {
  const entry = { name: 'x', quantity: 'q', unit: '/', address: 0 };
  it.each([
    ['a coil that is a number', { table: 'coil', type: 'uint16' }],
    ['a bit of a coil', { table: 'coil', bit: 1 }],
    ['a bit of a float', { type: 'float32', bit: 1 }],
    ['a register beyond the last', { address: 65_535, type: 'uint32' }],
    ['an address of the old numbering', { address: 140_001 }],
    ['an unknown byte order', { byteOrder: 'ACBD' }],
    ['an unknown key', { adress: 5 }],
  ])('refuses %s', (_, options) => expect(registerMapSchema.safeParse([{ ...entry, ...options }]).success).toBe(false));
});
