import fc from 'fast-check';
import { expect, it } from 'vitest';
import { cachedBlocks } from '../../../../edge/image/card/cached-blocks.js';
import { stretchBytes } from '../../../../edge/image/card/stretch.js';
import { memoryBlocks } from '../../../support/memory-blocks.js';

const sizeBytes = 3 * stretchBytes + 700;

function pagesOf(at: number, length: number): number[] {
  const first = Math.floor(at / 4096);
  return Array.from({ length: Math.floor((at + length - 1) / 4096) - first + 1 }, (_, page) => first + page);
}

it('reads and writes as what lies below it, and writes no page that was not written', () => {
  const step = fc.record({
    at: fc.nat(sizeBytes - 1),
    length: fc.integer({ min: 1, max: 9000 }),
    byte: fc.nat(255),
    isWrite: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), fc.integer({ min: 1, max: 3 }), (steps, maxStretches) => {
      const model = Buffer.alloc(sizeBytes);
      const below = memoryBlocks(sizeBytes);
      const [wanted, written] = [new Set<number>(), new Set<number>()];
      const write = (at: number, bytes: Uint8Array): void => {
        pagesOf(at, bytes.length).forEach((page) => written.add(page));
        below.write(at, bytes);
      };
      const cached = cachedBlocks({ ...below, write }, maxStretches);
      for (const { at, length, byte, isWrite } of steps) {
        const bytes = Buffer.alloc(Math.min(length, sizeBytes - at), byte);
        if (isWrite) {
          cached.write(at, bytes);
          bytes.copy(model, at);
          pagesOf(at, bytes.length).forEach((page) => wanted.add(page));
        }
        cached.read(at, bytes);
        expect(bytes.equals(model.subarray(at, at + bytes.length))).toBe(true);
      }
      cached.flush();
      expect(below.bytes.equals(model)).toBe(true);
      expect([...written].filter((page) => !wanted.has(page))).toEqual([]);
    }),
    { numRuns: 60 },
  );
});

it('lets what lies below refuse what reaches past its end', () => {
  const cached = cachedBlocks(memoryBlocks(5000));
  expect(() => cached.read(4990, Buffer.alloc(20))).toThrow('past the end');
  expect(() => cached.write(4990, Buffer.alloc(20))).toThrow('past the end');
});
