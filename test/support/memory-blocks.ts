import type { Blocks } from '../../edge/image/disk/blocks.js';
import { RejectedError } from '../../core/runtime/errors.js';

export interface MemoryBlocks extends Blocks {
  readonly bytes: Buffer;
}

/** A disk in memory; like the real ones it refuses what reaches past its end. */
export function memoryBlocks(sizeBytes: number): MemoryBlocks {
  const bytes = Buffer.alloc(sizeBytes);
  const check = (position: number, length: number): void => {
    if (position < 0 || position + length > sizeBytes) throw new RejectedError('corrupt', 'past the end');
  };
  return {
    bytes,
    sizeBytes,
    read(position, into) {
      check(position, into.length);
      into.set(bytes.subarray(position, position + into.length));
    },
    write(position, from) {
      check(position, from.length);
      bytes.set(from, position);
    },
  };
}
