import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ContractError } from '../../../../core/contract/contract-error.js';
import { readCbor } from '../../../../gateway/intake/foreign/senml/cbor.js';

const read = (hex: string) => readCbor(Buffer.from(hex, 'hex'));

describe('CBOR', () => {
  // RFC 8949, appendix A.
  it.each([
    ['00', 0],
    ['17', 23],
    ['1818', 24],
    ['1903e8', 1000],
    ['1a000f4240', 1_000_000],
    ['1b000000e8d4a51000', 1_000_000_000_000],
    ['20', -1],
    ['3863', -100],
    ['3903e7', -1000],
    ['f90000', 0],
    ['f98000', -0],
    ['f93c00', 1],
    ['fb3ff199999999999a', 1.1],
    ['f97bff', 65504],
    ['fa47c35000', 100_000],
    ['fa7f7fffff', 3.4028234663852886e38],
    ['f90001', 5.960464477539063e-8],
    ['f90400', 0.00006103515625],
    ['f9c400', -4],
    ['f97c00', Infinity],
    ['f97e00', NaN],
    ['f9fc00', -Infinity],
    ['f4', false],
    ['f5', true],
    ['f6', null],
    ['f7', undefined],
    ['c11a514b67b0', 1363896240],
    ['60', ''],
    ['62c3bc', 'ü'],
    ['64f0908591', '𐅑'],
    ['83010203', [1, 2, 3]],
    ['8301820203820405', [1, [2, 3], [4, 5]]],
    ['9f018202039f0405ffff', [1, [2, 3], [4, 5]]],
    ['7f657374726561646d696e67ff', 'streaming'],
  ])('reads %s', (hex, value) => {
    expect(read(hex)).toEqual(value);
  });

  it('reads bytes and maps', () => {
    expect(read('4401020304')).toEqual(Buffer.from('01020304', 'hex'));
    expect(read('5f42010243030405ff')).toEqual(Buffer.from('0102030405', 'hex'));
    expect(read('a201020304')).toEqual(
      new Map([
        [1, 2],
        [3, 4],
      ]),
    );
    expect(read('bf61610161629f0203ffff')).toEqual(
      new Map<string, unknown>([
        ['a', 1],
        ['b', [2, 3]],
      ]),
    );
  });

  it.each([
    ['nothing', ''],
    ['bytes behind the end', '0000'],
    ['an array that is cut off', '8301'],
    ['a text that is longer than the message', '7affffffff'],
    ['an array of four thousand million', '9affffffff'],
    ['an integer beyond 2^53', '1bffffffffffffffff'],
    ['a break where none can be', 'ff'],
    ['reserved additional information', '1c'],
    ['a chunk of another kind', '7f4101ff'],
    ['a chunk without an end in itself', '5f5fffff'],
    ['a text that is not UTF-8', '61ff'],
    ['a map with a key twice', 'a200010002'],
    ['a map with an array for a key', 'a18000'],
    ['an unassigned simple value', 'f0'],
  ])('refuses %s', (_what, hex) => {
    expect(() => read(hex)).toThrow(expect.objectContaining({ code: 'bad-coding' }));
  });

  it('depth and number of items are bounded', () => {
    expect(() => readCbor(Buffer.alloc(100_000, 0x81))).toThrow(ContractError);
    expect(() => readCbor(Buffer.alloc(100_000, 0xc1))).toThrow(ContractError);
    expect(() => readCbor(Buffer.concat([Buffer.of(0x9f), Buffer.alloc(1_000_000, 0xf6)]))).toThrow(/too many items/);
  });

  it('throws nothing but ContractError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        try {
          readCbor(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(ContractError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
