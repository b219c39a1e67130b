import { readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Card } from '../../edge/image/card-types.js';
import { openCard } from '../../edge/image/card/open-card.js';
import { peekBoot, unpackImage } from '../../edge/image/flash/peek.js';
import { hashFile } from '../../edge/image/source/hash-file.js';
import type { ImageSource, ReadProgress } from '../../edge/image/source/image-source.js';
import { openImage } from '../../edge/image/source/open-image.js';
import type { FlashRun } from './flash.js';

/** The image that cards are made from, its boot partition open for reading. */
export interface BaseImage {
  /** What is copied; of a packed one the first reading goes on where the boot partition ended. */
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
  // It was compared with what was asked for.
  const known = imageSha256?.toLowerCase();
  const hashing = known === undefined ? hashFile(image, { signal }) : Promise.resolve(known);
  if (packed.format === 'img') return opened(packed, packed.path, { file: image, sha256: await hashing });
  await removeStale(folder);
  const temporary = join(folder, `.fieldline-unpacked-${process.pid}.img`);
  const end: (() => Promise<void>)[] = [() => rm(temporary, { force: true })];
  const onProgress = ({ readBytes, totalBytes }: ReadProgress) =>
    report.update(`unpacking ${basename(image)}`, readBytes, totalBytes);
  const unpack = async (): Promise<ImageSource> => {
    if (many) {
      await unpackImage(packed, temporary, { signal, onProgress });
      return openImage(temporary);
    }
    const { source, close } = await peekBoot(packed, temporary, { signal });
    end.unshift(close);
    return source;
  };
  const close = async (): Promise<void> => {
    for (const step of end) await step();
  };
  // The file is hashed while it is unpacked.
  const [source, hash] = await Promise.allSettled([unpack(), hashing]);
  try {
    return await opened(valueOf(source), temporary, { file: image, sha256: valueOf(hash), close });
  } catch (error) {
    await close();
    throw error;
  }
}

function valueOf<T>(result: PromiseSettledResult<T>): T {
  if (result.status === 'fulfilled') return result.value;
  throw result.reason;
}

async function opened(
  source: ImageSource,
  path: string,
  { file, sha256, close }: { file: string; sha256: string; close?: () => Promise<void> },
): Promise<BaseImage> {
  const card = await openCard(path);
  return {
    ...{ source, file, sha256, boot: card.boot, warnings: card.warnings },
    async close() {
      card.close();
      await close?.();
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
