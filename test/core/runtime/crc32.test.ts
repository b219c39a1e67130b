import { crc32 as ofNode } from 'node:zlib';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { crc32, crc32ByTable } from '../../../core/runtime/crc32.js';

it('is the one of zlib, with and without help of Node, and may be taken in two steps', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ maxLength: 300 }), (a, b) => {
      const both = ofNode(Buffer.concat([a, b]));
      for (const ours of [crc32, crc32ByTable]) expect(ours(b, ours(a))).toBe(both);
    }),
  );
});
