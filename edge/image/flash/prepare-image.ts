import { open } from 'node:fs/promises';
import type { EditBoot, UnpackedImage } from '../card-types.js';
import { editOnce } from '../card/edit-boot.js';
import { mapStretch, type MappedStretch } from '../card/image-map.js';
import { markedBlocks } from '../card/marked-blocks.js';
import { naming } from '../card/naming.js';
import { sizeOfStretch, stretchBytes } from '../card/stretch.js';
import { fileBlocks } from '../disk/blocks.js';

/**
 * Writes into an unpacked image what all cards have in common, so that each is a copy of it with a few files more. What is
 * written is read back from each card.
 */
export async function prepareImage(image: UnpackedImage, timeMs: number, prepare: EditBoot): Promise<UnpackedImage> {
  const { path, imageBytes } = image;
  const handle = await open(path, 'r+');
  try {
    const { blocks, marked } = markedBlocks(fileBlocks(handle.fd, path, imageBytes));
    const { files } = await naming(path, () => editOnce(blocks, timeMs, prepare));
    const map = new Map<number, MappedStretch>(image.map);
    const stretch = new Uint8Array(stretchBytes);
    for (const index of marked) {
      const bytes = stretch.subarray(0, sizeOfStretch(index, imageBytes));
      blocks.read(index * stretchBytes, bytes);
      const mapped = mapStretch(bytes);
      if (mapped) map.set(index, mapped);
      else map.delete(index);
    }
    // In the order of the disk, as they are read.
    const sorted = new Map([...map].sort(([a], [b]) => a - b));
    return { path, imageBytes, map: sorted, prepared: { files, marked } };
  } finally {
    await handle.close();
  }
}
