import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeRecord, encodeRecord, offsetKey, readOffset } from '../../../core/log/local/record-codec.js';
import { FatalError } from '../../../core/runtime/errors.js';

const text = fc.string({ unit: 'binary', maxLength: 20 });
const record = fc.record({
  key: text,
  value: fc.uint8Array({ maxLength: 50 }),
  headers: fc.dictionary(text, text, { maxKeys: 4, noNullPrototype: true }),
});

test('a record is decoded as it was encoded', () => {
  fc.assert(
    fc.property(record, fc.maxSafeNat(), fc.maxSafeNat(), ({ key, value, headers }, offset, appendedUs) => {
      const decoded = decodeRecord(offset, encodeRecord({ key, value, headers }, appendedUs), 'test');
      expect({ ...decoded, value: [...decoded.value], headers: decoded.headers ?? {} }).toEqual({
        ...{ key, value: [...value], headers, offset, appendedUs },
      });
    }),
  );
});

test('a header may have any name', () => {
  const headers = Object.fromEntries([['__proto__', 'a']]);
  const decoded = decodeRecord(0, encodeRecord({ key: 'k', value: Buffer.alloc(0), headers }, 1), 'test');
  expect(Object.entries(decoded.headers ?? {})).toEqual([['__proto__', 'a']]);
});

test('the keys of offsets are in the order of the offsets', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.maxSafeNat(), (a, b) => {
      expect(readOffset(offsetKey(a))).toBe(a);
      expect(Math.sign(Buffer.compare(offsetKey(a), offsetKey(b)))).toBe(Math.sign(a - b));
    }),
  );
});

test('a record that the disk has changed is not taken for one', () => {
  const stored = encodeRecord({ key: 'key', value: Buffer.from('value'), headers: { a: 'b' } }, 1);
  fc.assert(
    fc.property(fc.nat(stored.length * 8 - 1), (bit) => {
      const damaged = Buffer.from(stored);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => decodeRecord(0, damaged, 'test')).toThrow(FatalError);
    }),
  );
});

test('a record of another format is not guessed at', () => {
  const stored = encodeRecord({ key: 'a', value: Buffer.from('1') }, 0);
  stored[0] = 9;
  expect(() => decodeRecord(0, stored, 'test')).toThrow(FatalError);
});
