import type { WriteImage, WriteImageOptions, WrittenImage } from '../card-types.js';
import type { Blocks } from '../disk/blocks.js';
import { hashFile } from '../source/hash-file.js';
import { tooSmall } from './copy-image.js';
import { copyInto } from './copy-into.js';
import { openDeviceTarget } from './device-target.js';
import { editBoot } from './edit-boot.js';
import { fileDigest, hashesOf, zeroHashes } from './file-digest.js';
import { openFileTarget } from './file-target.js';
import type { ImageMap } from './image-map.js';
import type { ImageTarget } from './image-target.js';
import { markedBlocks } from './marked-blocks.js';
import { explaining, naming } from './naming.js';
import { readBack } from './read-back.js';
import { sizeOfStretch, stretchBytes } from './stretch.js';

/**
 * ```
 * source ─► copy ─► edit the FAT ─► read its files ─► sync ─► read the medium ─► rename
 * ```
 */
export const writeImage: WriteImage = (options) => {
  const { out, signal, beforeFinish } = options;
  return explaining(out, async () => {
    signal?.throwIfAborted();
    const target = await naming(out, () => openTarget(options));
    try {
      const written = await fill(target, options);
      signal?.throwIfAborted();
      await beforeFinish?.(written);
      await target.finish();
      return written;
    } catch (error) {
      await target.discard();
      throw error;
    }
  });
};

function openTarget({ out, device = false, overwrite = false, unpacked }: WriteImageOptions): Promise<ImageTarget> {
  if (device) return openDeviceTarget(out);
  return openFileTarget(out, { overwrite, ...(unpacked?.mayTake && { taken: unpacked.path }) });
}

async function fill(target: ImageTarget, options: WriteImageOptions): Promise<WrittenImage> {
  const { source, out, signal, unpacked, onProgress } = options;
  const { maxBytes = Infinity } = target;
  if ((source.imageBytes ?? 0) > maxBytes) throw tooSmall(source, maxBytes);
  const { imageBytes, map, writtenBytes } = await naming(out, () => copyInto(target, options));
  onProgress?.({ step: 'edit', doneBytes: 0, totalBytes: 0 });
  const { blocks, marked } = markedBlocks(await target.edit(imageBytes));
  const { files, warnings } = await naming(source.path, () => editBoot(blocks, options));
  signal?.throwIfAborted();
  const hashes = hashesAfter(map, blocks, marked);
  onProgress?.({ step: 'sync', doneBytes: 0, totalBytes: 0 });
  const hashing = options.sha256 && !options.device ? sha256Of(target, options) : undefined;
  // It is told below, after what the medium says.
  hashing?.catch(() => undefined);
  await target.sync();
  const sha256 = await hashing;
  const changed = new Set([...marked, ...(unpacked?.prepared?.marked ?? [])]);
  const readFrom = await readBack({
    path: target.path,
    imageBytes,
    expected: expectedOf(hashes, imageBytes, target.readsAllBack ? undefined : changed),
    signal,
    onProgress: (doneBytes, totalBytes) => onProgress?.({ step: 'verify', doneBytes, totalBytes }),
  });
  return {
    ...{ path: out, imageBytes, writtenBytes, files, readBack: readFrom, warnings },
    ...(!options.device && { fsverity: fileDigest(imageBytes, hashes) }),
    ...(sha256 !== undefined && { sha256 }),
  };
}

/** Of all stretches that are not zero, after the edit. */
function hashesAfter(map: ImageMap, blocks: Blocks, marked: ReadonlySet<number>): Map<number, Buffer> {
  const hashes = new Map([...map].map(([index, stretch]) => [index, stretch.hashes]));
  const stretch = new Uint8Array(stretchBytes);
  for (const index of marked) {
    const bytes = stretch.subarray(0, sizeOfStretch(index, blocks.sizeBytes));
    blocks.read(index * stretchBytes, bytes);
    hashes.set(index, hashesOf(bytes));
  }
  return hashes;
}

/** What has to be read back: all of it if nothing is said. */
function expectedOf(
  hashes: ReadonlyMap<number, Buffer>,
  imageBytes: number,
  indices: Iterable<number> = Array.from({ length: Math.ceil(imageBytes / stretchBytes) }, (_, index) => index),
): Map<number, Buffer> {
  const zeros = zeroHashes(stretchBytes);
  const hashAt = (index: number): Buffer => {
    const size = sizeOfStretch(index, imageBytes);
    return hashes.get(index) ?? (size === stretchBytes ? zeros : zeroHashes(size));
  };
  return new Map([...indices].map((index) => [index, hashAt(index)]));
}

/** While the medium takes the image the processor has nothing else to do. */
function sha256Of({ path }: ImageTarget, { signal, onProgress }: WriteImageOptions): Promise<string> {
  return hashFile(path, {
    signal,
    onProgress: ({ readBytes, totalBytes }) => onProgress?.({ step: 'hash', doneBytes: readBytes, totalBytes }),
  });
}
