import { createHash } from 'node:crypto';
import type { Blocks } from '../disk/blocks.js';

/** The unit in which a card is copied, and compared afterwards. */
export const stretchBytes = 1024 * 1024;

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

export function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** The hash of a stretch; the last one may be shorter. */
export function hashStretch(blocks: Blocks, index: number): string {
  const bytes = new Uint8Array(Math.min(stretchBytes, blocks.sizeBytes - index * stretchBytes));
  blocks.read(index * stretchBytes, bytes);
  return hashOf(bytes);
}
