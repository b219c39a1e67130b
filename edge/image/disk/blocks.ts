import { readSync, writeSync } from 'node:fs';
import { RejectedError } from '#core/runtime/errors.js';

/** Bytes by position. Synchronous: FatFs asks for them from inside WebAssembly, which cannot wait. */
export interface Blocks {
  readonly sizeBytes: number;
  /** Fills `into`. Throws RejectedError `corrupt` where that reaches past the end. */
  read(positionBytes: number, into: Uint8Array): void;
  /** Throws RejectedError `refused` where that reaches past the end; nothing is written then. */
  write(positionBytes: number, bytes: Uint8Array): void;
}

/** An open file or block device. `name` is for messages. */
export function fileBlocks(fd: number, name: string, sizeBytes: number): Blocks {
  return {
    sizeBytes,
    read(position, into) {
      if (!isInside(position, into.length, sizeBytes)) throw outside('corrupt', name, position, into.length, sizeBytes);
      for (let done = 0; done < into.length;) {
        const count = readSync(fd, into, done, into.length - done, position + done);
        if (count === 0) throw new RejectedError('corrupt', `${name} ends at byte ${position + done}`);
        done += count;
      }
    },
    write(position, bytes) {
      if (!isInside(position, bytes.length, sizeBytes))
        throw outside('refused', name, position, bytes.length, sizeBytes);
      for (let done = 0; done < bytes.length;) {
        done += writeSync(fd, bytes, done, bytes.length - done, position + done);
      }
    },
  };
}

/** A range of it, such as a partition: what is outside can be neither read nor written. */
export function partOf(blocks: Blocks, name: string, startBytes: number, sizeBytes: number): Blocks {
  if (!isInside(startBytes, sizeBytes, blocks.sizeBytes)) {
    throw outside('corrupt', name, startBytes, sizeBytes, blocks.sizeBytes);
  }
  return {
    sizeBytes,
    read(position, into) {
      if (!isInside(position, into.length, sizeBytes)) throw outside('corrupt', name, position, into.length, sizeBytes);
      blocks.read(startBytes + position, into);
    },
    write(position, bytes) {
      if (!isInside(position, bytes.length, sizeBytes))
        throw outside('refused', name, position, bytes.length, sizeBytes);
      blocks.write(startBytes + position, bytes);
    },
  };
}

function isInside(position: number, length: number, sizeBytes: number): boolean {
  return Number.isSafeInteger(position) && position >= 0 && length >= 0 && position + length <= sizeBytes;
}

function outside(
  code: 'corrupt' | 'refused',
  name: string,
  position: number,
  length: number,
  size: number,
): RejectedError {
  return new RejectedError(code, `${name} has ${size} bytes; ${length} bytes at ${position} reach past its end`);
}
