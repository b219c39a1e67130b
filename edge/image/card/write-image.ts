import type { WriteImage, WriteImageOptions, WrittenImage } from '../card-types.js';
import type { Blocks } from '../disk/blocks.js';
import { hashFile } from '../source/hash-file.js';
import { copyImage, tooSmall } from './copy-image.js';
import { openDeviceTarget } from './device-target.js';
import { openFileTarget } from './file-target.js';
import type { ImageTarget } from './image-target.js';
import { hashStretch, markedBlocks } from './marked-blocks.js';
import { explaining, naming } from './naming.js';
import { openBoot } from './open-boot.js';
import { readBack } from './read-back.js';
import { checkFiles, remembering } from './written-files.js';

/**
 * ```
 * source ─► copy ─► edit the FAT ─► read its files ─► sync ─► read the medium ─► rename
 * ```
 */
export const writeImage: WriteImage = (options) => {
  const { out, device = false, overwrite = false, signal } = options;
  return explaining(out, async () => {
    signal?.throwIfAborted();
    const target = await naming(out, () => (device ? openDeviceTarget(out) : openFileTarget(out, overwrite)));
    try {
      const written = await fill(target, options);
      signal?.throwIfAborted();
      await target.finish();
      return written;
    } catch (error) {
      await target.discard();
      throw error;
    }
  });
};

async function fill(target: ImageTarget, options: WriteImageOptions): Promise<WrittenImage> {
  const { source, out, timeMs, edit, signal, onProgress } = options;
  const { maxBytes = Infinity } = target;
  if ((source.imageBytes ?? 0) > maxBytes) throw tooSmall(source, maxBytes);
  const imageBytes = await naming(out, () =>
    copyImage(source, target, {
      signal,
      onProgress: ({ readBytes, totalBytes }) => onProgress?.({ step: 'copy', doneBytes: readBytes, totalBytes }),
    }),
  );
  onProgress?.({ step: 'edit', doneBytes: 0, totalBytes: 0 });
  const { blocks, marked } = markedBlocks(await target.edit(imageBytes));
  const { files, warnings } = await naming(source.path, () => editBoot(blocks, timeMs, edit));
  signal?.throwIfAborted();
  const expected = new Map(target.taken);
  for (const index of marked) expected.set(index, hashStretch(blocks, index));
  onProgress?.({ step: 'sync', doneBytes: 0, totalBytes: 0 });
  const hashing = options.hash && !options.device ? hashOfAll(target, options) : undefined;
  // It is told below, after what the medium says.
  hashing?.catch(() => undefined);
  await target.sync();
  const sha256 = await hashing;
  const readFrom = await readBack({
    path: target.path,
    imageBytes,
    expected,
    signal,
    onProgress: (doneBytes, totalBytes) => onProgress?.({ step: 'verify', doneBytes, totalBytes }),
  });
  const hash = sha256 === undefined ? {} : { sha256 };
  return { path: out, imageBytes, writtenBytes: target.writtenBytes(), ...hash, files, readBack: readFrom, warnings };
}

/** While the medium takes the image the processor has nothing else to do. */
function hashOfAll({ path }: ImageTarget, { signal, onProgress }: WriteImageOptions): Promise<string> {
  return hashFile(path, {
    signal,
    onProgress: ({ readBytes, totalBytes }) => onProgress?.({ step: 'hash', doneBytes: readBytes, totalBytes }),
  });
}

async function editBoot(
  blocks: Blocks,
  timeMs: number,
  edit: WriteImageOptions['edit'],
): Promise<Pick<WrittenImage, 'files' | 'warnings'>> {
  const opened = await openBoot(blocks, timeMs);
  const memory = remembering(opened.boot);
  await edit(memory.boot);
  opened.boot.close();
  const files = memory.files();
  // Opened again, so that nothing which FatFs still knows is taken for what is there.
  const again = await openBoot(blocks, undefined);
  checkFiles(again.boot, files);
  again.boot.close();
  return { files, warnings: opened.warnings };
}
