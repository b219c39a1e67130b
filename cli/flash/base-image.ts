import { readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Card } from '../../edge/image/card-types.js';
import { openCard } from '../../edge/image/card/open-card.js';
import { writeImage } from '../../edge/image/card/write-image.js';
import { unpackBoot } from '../../edge/image/flash/peek.js';
import { hashFile } from '../../edge/image/source/hash-file.js';
import type { ImageSource } from '../../edge/image/source/image-source.js';
import { openImage } from '../../edge/image/source/open-image.js';
import type { FlashRun } from './flash.js';

/** The image that cards are made from, its boot partition open for reading. */
export interface BaseImage {
  /** What is copied. */
  readonly source: ImageSource;
  readonly boot: Card['boot'];
  readonly file: string;
  /** sha256 of the file as it was given. */
  readonly sha256: string;
  readonly warnings: readonly string[];
  close(): Promise<void>;
}

export interface BaseOptions {
  readonly image: string;
  /** Where unpacked bytes may lie for a while. */
  readonly folder: string;
  /** Unpacks all of it at once, for it is copied many times. */
  readonly many: boolean;
}

/** Throws RejectedError for what is no image of a card, or is damaged. */
export async function openBase(
  { image, folder, many }: BaseOptions,
  { options, report, signal }: FlashRun,
): Promise<BaseImage> {
  const { imageSha256, imageMember } = options;
  const packed = await openImage(image, {
    ...(imageSha256 !== undefined && { sha256: imageSha256.toLowerCase() }),
    ...(imageMember !== undefined && { member: imageMember }),
    signal,
  });
  const sha256 = await hashFile(image, { signal });
  if (packed.format === 'img') return opened(packed, packed.path, { file: image, sha256 });
  await removeStale(folder);
  const temporary = join(folder, `.fieldline-unpacked-${process.pid}.img`);
  const remove = () => rm(temporary, { force: true });
  const show = (done: number, total: number) => report.update(`unpacking ${basename(image)}`, done, total);
  try {
    if (many) {
      const onProgress = (so: { doneBytes: number; totalBytes: number }) => show(so.doneBytes, so.totalBytes);
      await writeImage({ source: packed, out: temporary, timeMs: 0, edit: () => undefined, signal, onProgress });
      return await opened(await openImage(temporary), temporary, { file: image, sha256, remove });
    }
    await unpackBoot(packed, temporary, { signal });
    return await opened(packed, temporary, { file: image, sha256, remove });
  } catch (error) {
    await remove();
    throw error;
  }
}

async function opened(
  source: ImageSource,
  path: string,
  { file, sha256, remove }: { file: string; sha256: string; remove?: () => Promise<void> },
): Promise<BaseImage> {
  const card = await openCard(path);
  return {
    ...{ source, file, sha256, boot: card.boot, warnings: card.warnings },
    async close() {
      card.close();
      await remove?.();
    },
  };
}

/** What runs left that were killed. */
async function removeStale(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const pid = /^\.fieldline-unpacked-(\d+)\.img(\.partial)?$/.exec(name)?.[1];
    if (pid !== undefined && !isAlive(Number(pid))) await rm(join(folder, name), { force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
