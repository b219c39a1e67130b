import type { WriteImageOptions } from '../card-types.js';
import { copyImage } from './copy-image.js';
import { mappedBytes, mapStretch, readMapped, type ImageMap, type MappedStretch } from './image-map.js';
import type { ImageTarget } from './image-target.js';

export interface Copied {
  readonly imageBytes: number;
  readonly map: ImageMap;
  /** Zeros are left out of a file. */
  readonly writtenBytes: number;
}

/** Brings the image into its target, from where the least has to be read. */
export async function copyInto(target: ImageTarget, options: WriteImageOptions): Promise<Copied> {
  const { source, unpacked, signal, onProgress } = options;
  const tell = (doneBytes: number, totalBytes: number) => onProgress?.({ step: 'copy', doneBytes, totalBytes });
  if (unpacked) {
    const { path, imageBytes, map, mayTake } = unpacked;
    const writtenBytes = mappedBytes(map);
    if (mayTake) tell(writtenBytes, writtenBytes);
    else {
      await readMapped(path, imageBytes, map, async (index, bytes, { runs }) => {
        signal?.throwIfAborted();
        await target.take(index, bytes, runs);
        tell(target.writtenBytes(), writtenBytes);
      });
    }
    return { imageBytes, map, writtenBytes };
  }
  const map = new Map<number, MappedStretch>();
  const take = async (index: number, bytes: Uint8Array): Promise<void> => {
    const mapped = mapStretch(bytes);
    if (mapped) map.set(index, mapped);
    await target.take(index, bytes, mapped?.runs ?? []);
  };
  const { maxBytes } = target;
  const imageBytes = await copyImage(
    source,
    { take, ...(maxBytes !== undefined && { maxBytes }) },
    { signal, onProgress: ({ readBytes, totalBytes }) => tell(readBytes, totalBytes) },
  );
  return { imageBytes, map, writtenBytes: target.writtenBytes() };
}
