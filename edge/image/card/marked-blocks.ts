import type { Blocks } from '../disk/blocks.js';
import { stretchBytes } from './stretch.js';

/** Notes which stretches are written through it. */
export function markedBlocks(blocks: Blocks): { readonly blocks: Blocks; readonly marked: ReadonlySet<number> } {
  const marked = new Set<number>();
  return {
    marked,
    blocks: {
      sizeBytes: blocks.sizeBytes,
      read: (position, into) => blocks.read(position, into),
      write: (position, bytes) => {
        blocks.write(position, bytes);
        const last = Math.floor((position + bytes.length - 1) / stretchBytes);
        for (let index = Math.floor(position / stretchBytes); index <= last; index++) marked.add(index);
      },
    },
  };
}

/** What the first stretch holds, kept in memory: everything else reads and writes it as if it were on the card. */
export function withHead(blocks: Blocks, head: Uint8Array): Blocks {
  return {
    sizeBytes: blocks.sizeBytes,
    read(position, into) {
      const kept = head.subarray(position, position + into.length);
      into.set(kept);
      if (kept.length < into.length) blocks.read(position + kept.length, into.subarray(kept.length));
    },
    write(position, bytes) {
      const kept = bytes.subarray(0, Math.max(head.length - position, 0));
      head.set(kept, Math.min(position, head.length));
      if (kept.length < bytes.length) blocks.write(position + kept.length, bytes.subarray(kept.length));
    },
  };
}
