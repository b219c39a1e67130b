import type { Blocks } from '../disk/blocks.js';
import { stretchBytes } from './stretch.js';

const pageBytes = 4096;

export interface CachedBlocks extends Blocks {
  /** Writes what is not written yet; before it nothing may be taken for written. */
  flush(): void;
}

interface Stretch {
  readonly bytes: Uint8Array;
  /** A mark for each page that is not written yet. */
  readonly dirty: Uint8Array;
}

/**
 * Keeps the stretches that were used last, for FatFs asks for one sector after the other, each a call of the system: both
 * tables, a folder, a file and the information sector are in use at once. Only pages that were written are written, so that
 * holes stay holes.
 */
export function cachedBlocks(blocks: Blocks, maxStretches = 5): CachedBlocks {
  const kept = new Map<number, Stretch>();
  const writeBack = (index: number, { bytes, dirty }: Stretch): void => {
    for (let from = dirty.indexOf(1); from >= 0; from = dirty.indexOf(1, from)) {
      const end = dirty.indexOf(0, from);
      const to = end < 0 ? dirty.length : end;
      blocks.write(index * stretchBytes + from * pageBytes, bytes.subarray(from * pageBytes, to * pageBytes));
      dirty.fill(0, from, to);
      from = to;
    }
  };
  const load = (index: number): Stretch => {
    const size = Math.min(stretchBytes, blocks.sizeBytes - index * stretchBytes);
    const oldest = kept.size < maxStretches ? undefined : kept.entries().next().value!;
    if (oldest) writeBack(...oldest);
    if (oldest) kept.delete(oldest[0]);
    const isReusable = oldest?.[1].bytes.length === size;
    const stretch = isReusable
      ? oldest[1]
      : { bytes: new Uint8Array(size), dirty: new Uint8Array(Math.ceil(size / pageBytes)) };
    blocks.read(index * stretchBytes, stretch.bytes);
    return stretch;
  };
  let last = -1;
  const stretchAt = (index: number): Stretch => {
    const stretch = kept.get(index) ?? load(index);
    if (index === last) return stretch;
    last = index;
    // The one that was used last goes to the end.
    kept.delete(index);
    kept.set(index, stretch);
    return stretch;
  };
  /** Calls `use` with each part of a range that lies in one stretch. */
  const inParts = (
    position: number,
    length: number,
    use: (stretch: Stretch, at: number, done: number, count: number) => void,
  ) => {
    for (let done = 0; done < length;) {
      const at = (position + done) % stretchBytes;
      const count = Math.min(stretchBytes - at, length - done);
      use(stretchAt((position + done - at) / stretchBytes), at, done, count);
      done += count;
    }
  };
  return {
    sizeBytes: blocks.sizeBytes,
    read(position, into) {
      const at = position % stretchBytes;
      // Nearly always, and for each sector.
      if (isInside(position, into.length) && at + into.length <= stretchBytes) {
        const { bytes } = stretchAt((position - at) / stretchBytes);
        return into.set(bytes.subarray(at, at + into.length));
      }
      if (!isInside(position, into.length)) return blocks.read(position, into);
      inParts(position, into.length, ({ bytes }, at, done, count) => into.set(bytes.subarray(at, at + count), done));
    },
    write(position, given) {
      if (!isInside(position, given.length)) return blocks.write(position, given);
      inParts(position, given.length, ({ bytes, dirty }, at, done, count) => {
        bytes.set(given.subarray(done, done + count), at);
        dirty.fill(1, Math.floor(at / pageBytes), Math.ceil((at + count) / pageBytes));
      });
    },
    flush() {
      for (const [index, stretch] of kept) writeBack(index, stretch);
    },
  };

  /** What reaches past the end is refused by what lies below. */
  function isInside(position: number, length: number): boolean {
    return Number.isSafeInteger(position) && position >= 0 && position + length <= blocks.sizeBytes;
  }
}
