import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import type { ReadOptions } from './image-source.js';

/** Bytes of a file from `startBytes` on, before `endBytes`. `totalBytes` is what progress is told of. */
export interface FileRange {
  readonly path: string;
  readonly startBytes: number;
  readonly endBytes: number;
}

const packedChunkBytes = 256 * 1024;
const rawChunkBytes = 1024 * 1024;

/** For what unpacks by itself: chunks of their own memory. */
export function rangeStream(range: FileRange, { signal, onProgress }: ReadOptions): Readable {
  const { path, startBytes, endBytes } = range;
  const stream = createReadStream(path, {
    start: startBytes,
    end: endBytes - 1,
    highWaterMark: packedChunkBytes,
    signal,
  });
  let readBytes = 0;
  stream.on('data', (chunk) => {
    readBytes += chunk.length;
    onProgress?.({ readBytes, totalBytes: endBytes - startBytes });
  });
  // A listener for data would let it run at once.
  return stream.pause();
}

/** For what is not packed: one buffer for all chunks. */
export async function* rangeChunks(range: FileRange, { signal, onProgress }: ReadOptions): AsyncIterable<Uint8Array> {
  const { path, startBytes, endBytes } = range;
  const buffer = Buffer.allocUnsafe(rawChunkBytes);
  const file = await open(path);
  try {
    for (let at = startBytes; at < endBytes;) {
      signal?.throwIfAborted();
      const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, endBytes - at), at);
      if (bytesRead === 0) return;
      at += bytesRead;
      yield buffer.subarray(0, bytesRead);
      onProgress?.({ readBytes: at - startBytes, totalBytes: endBytes - startBytes });
    }
  } finally {
    await file.close();
  }
}
