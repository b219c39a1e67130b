import { open } from 'node:fs/promises';
import type { ReadOptions } from '../source/image-source.js';
import { fileDigest, hashesOf } from './file-digest.js';
import { sizeOfStretch, stretchBytes } from './stretch.js';

/** What {@link fileDigest} is of a whole file; every byte is read. */
export async function digestFile(path: string, { signal, onProgress }: ReadOptions = {}): Promise<string> {
  const hashes = new Map<number, Buffer>();
  const buffer = Buffer.allocUnsafe(stretchBytes);
  const file = await open(path);
  try {
    const { size } = await file.stat();
    for (let index = 0; index * stretchBytes < size; index++) {
      signal?.throwIfAborted();
      const wanted = sizeOfStretch(index, size);
      const { bytesRead } = await file.read(buffer, 0, wanted, index * stretchBytes);
      hashes.set(index, hashesOf(buffer.subarray(0, bytesRead)));
      onProgress?.({ readBytes: index * stretchBytes + bytesRead, totalBytes: size });
    }
    return fileDigest(size, hashes);
  } finally {
    await file.close();
  }
}
