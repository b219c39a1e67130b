import type { EditBoot, FileHash, WriteImageOptions, WrittenImage } from '../card-types.js';
import type { Blocks } from '../disk/blocks.js';
import { cachedBlocks } from './cached-blocks.js';
import { openBoot } from './open-boot.js';
import { checkFiles, remembering } from './written-files.js';

type Edited = Pick<WrittenImage, 'files' | 'warnings'>;

/**
 * Edits the boot partition and reads every file back. `prepare` and `edit` each open the FAT anew, so that the bytes are the
 * same whether one image is made or one is prepared for many.
 */
export async function editBoot(
  blocks: Blocks,
  { timeMs, prepare, edit, unpacked }: Pick<WriteImageOptions, 'timeMs' | 'prepare' | 'edit' | 'unpacked'>,
): Promise<Edited> {
  const prepared = prepare && unpacked?.prepared === undefined ? await editOnce(blocks, timeMs, prepare) : undefined;
  const edited = await editOnce(blocks, timeMs, edit);
  const files = joined(prepared?.files ?? unpacked?.prepared?.files ?? [], edited.files);
  // Opened again, so that nothing which FatFs still knows is taken for what is there.
  const again = await openBoot(cachedBlocks(blocks, 3), undefined);
  checkFiles(again.boot, files);
  again.boot.close();
  return { files, warnings: (prepared ?? edited).warnings };
}

/** Edits without reading anything back. */
export async function editOnce(blocks: Blocks, timeMs: number, edit: EditBoot): Promise<Edited> {
  const cached = cachedBlocks(blocks);
  const opened = await openBoot(cached, timeMs);
  const memory = remembering(opened.boot);
  await edit(memory.boot);
  opened.boot.close();
  cached.flush();
  return { files: memory.files(), warnings: opened.warnings };
}

/** FAT compares names without case. */
function joined(before: readonly FileHash[], after: readonly FileHash[]): FileHash[] {
  const replaced = new Set(after.map(({ path }) => path.toLowerCase()));
  return [...before.filter(({ path }) => !replaced.has(path.toLowerCase())), ...after];
}
