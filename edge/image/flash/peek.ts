import { open, type FileHandle } from 'node:fs/promises';
import { fileBlocks } from '../disk/blocks.js';
import { readPartitionTable } from '../disk/read-partition-table.js';
import type { ImageSource, ReadOptions } from '../source/image-source.js';

const mib = 1024 * 1024;
/** Both kinds of partition table are in it, as far as their primary entries go. */
const headBytes = 4 * mib;
/** As large as images get; the file is sparse. */
const assumedBytes = 2 ** 36;

/**
 * Unpacks the beginning of an image, to the end of its boot partition, into a new file, which then opens as the image would
 * for reading. Throws what reading the image does, and RejectedError for what has no partition table.
 */
export async function unpackBoot(source: ImageSource, file: string, options: ReadOptions = {}): Promise<void> {
  const handle = await open(file, 'wx+', 0o600);
  try {
    await handle.truncate(source.imageBytes ?? assumedBytes);
    let doneBytes = 0;
    let endBytes = headBytes;
    let isKnown = false;
    for await (const chunk of source.read(options)) {
      await writeSparse(handle, chunk, doneBytes);
      doneBytes += chunk.length;
      if (doneBytes >= endBytes && !isKnown) {
        endBytes = bootEnd(handle, source);
        isKnown = true;
      }
      if (isKnown && doneBytes >= endBytes) break;
    }
  } finally {
    await handle.close();
  }
}

async function writeSparse(handle: FileHandle, chunk: Uint8Array, position: number): Promise<void> {
  if (isZero(chunk)) return;
  for (let done = 0; done < chunk.length;) {
    const { bytesWritten } = await handle.write(chunk, done, chunk.length - done, position + done);
    done += bytesWritten;
  }
}

const zeros = Buffer.alloc(mib);

function isZero(chunk: Uint8Array): boolean {
  for (let at = 0; at < chunk.length; at += mib) {
    const part = chunk.subarray(at, at + mib);
    if (zeros.compare(part, 0, part.length, 0, part.length) !== 0) return false;
  }
  return true;
}

function bootEnd(handle: FileHandle, source: ImageSource): number {
  const blocks = fileBlocks(handle.fd, source.path, source.imageBytes ?? assumedBytes);
  const ends = readPartitionTable(blocks)
    .partitions.filter(({ fat }) => fat)
    .map(({ startBytes, sizeBytes }) => startBytes + sizeBytes);
  return Math.max(headBytes, ...ends);
}
