import { readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { systemCode } from '#core/runtime/errors.js';
import type { BootPartition } from '../../edge/image/boot-partition.js';
import type { EditBoot, UnpackedImage } from '../../edge/image/card-types.js';
import { openCard } from '../../edge/image/card/open-card.js';
import { peekBoot } from '../../edge/image/flash/peek.js';
import { prepareImage } from '../../edge/image/flash/prepare-image.js';
import { unpackImage } from '../../edge/image/flash/unpack-image.js';
import { hashFile } from '../../edge/image/source/hash-file.js';
import type { ImageSource, ReadOptions } from '../../edge/image/source/image-source.js';
import { openImage } from '../../edge/image/source/open-image.js';
import type { FlashRun } from './flash.js';

/** The image that cards are made from, its boot partition open for reading. */
export interface BaseImage {
  /** What is copied; of a packed one the first reading goes on where the boot partition ended. */
  readonly source: ImageSource;
  readonly boot: BootPartition;
  readonly file: string;
  /** sha256 of the file as it was given, when all of it was read. */
  readonly sha256: Promise<string>;
  /** The image in a file of ours, when all of it is there; undefined where it is copied as it is read. */
  readonly unpacked: Promise<UnpackedImage> | undefined;
  readonly warnings: readonly string[];
  /** Writes into the unpacked image what all cards have in common; once, and `boot` is that of the prepared one afterwards. */
  prepare(unpacked: UnpackedImage, timeMs: number, edit: EditBoot): Promise<UnpackedImage>;
  close(): Promise<void>;
}

/** What is to come of the image: a look at it, a device that is written while it is read, one file, or many. */
export type BaseUse = 'look' | 'stream' | 'one' | 'many';

export interface BaseOptions {
  readonly image: string;
  /** Where unpacked bytes may lie for a while. */
  readonly folder: string;
  readonly use: BaseUse;
}

/** Throws RejectedError for what is no image of a card, or is damaged as far as its boot partition goes. */
export async function openBase({ image, folder, use }: BaseOptions, run: FlashRun): Promise<BaseImage> {
  const leaving = new AbortController();
  const signal = AbortSignal.any([run.signal, leaving.signal]);
  const packed = await openAsked(image, run, signal);
  // The file is hashed while it is unpacked; it was already compared with what was asked for.
  const known = run.options.imageSha256?.toLowerCase();
  const sha256 = known === undefined ? hashFile(image, { signal }) : Promise.resolve(known);
  sha256.catch(() => undefined);
  await removeStale(folder);
  const temporary = join(folder, `.fieldline-unpacked-${process.pid}.img`);
  const onProgress: ReadOptions['onProgress'] = ({ readBytes, totalBytes }) =>
    run.report.update(`unpacking ${basename(image)}`, readBytes, totalBytes);
  const looking = look(packed, { temporary, use }, { signal, onProgress });
  const close = async (): Promise<void> => {
    leaving.abort(new Error('the image is not needed any more'));
    await looking.close();
    await sha256.catch(() => undefined);
    await rm(temporary, { force: true });
  };
  try {
    return await opened(image, await looking.looked, { sha256, close });
  } catch (error) {
    await close();
    throw error;
  }
}

function openAsked(image: string, { options }: FlashRun, signal: AbortSignal): Promise<ImageSource> {
  const { imageSha256, imageMember } = options;
  return openImage(image, {
    ...(imageSha256 !== undefined && { sha256: imageSha256.toLowerCase() }),
    ...(imageMember !== undefined && { member: imageMember }),
    signal,
  });
}

/** An image of which the boot partition can be read. */
interface Looked {
  readonly source: ImageSource;
  /** The file that opens as the image does, as far as its boot partition goes. */
  readonly path: string;
  /** Of a file that is still being written. */
  readonly imageBytes?: number;
  readonly unpacked?: Promise<UnpackedImage>;
}

function look(
  packed: ImageSource,
  { temporary, use }: { temporary: string; use: BaseUse },
  options: ReadOptions,
): { looked: Promise<Looked>; close(): Promise<void> } {
  const isRaw = packed.format === 'img';
  if (isRaw && use !== 'many') {
    return { looked: Promise.resolve({ source: packed, path: packed.path }), close: () => Promise.resolve() };
  }
  if (use === 'look' || use === 'stream') {
    const peeked = peekBoot(packed, temporary, options);
    return {
      looked: peeked.then(({ source }) => ({ source, path: temporary })),
      close: () => peeked.then((peek) => peek.close()).catch(() => undefined),
    };
  }
  const { boot, whole } = unpackImage(packed, temporary, options);
  const unpacked = whole.then((image) => ({ ...image, mayTake: use === 'one' }));
  unpacked.catch(() => undefined);
  const seen = ({ imageBytes }: { imageBytes: number }): Looked =>
    isRaw ? { source: packed, path: packed.path, unpacked } : { source: packed, path: temporary, imageBytes, unpacked };
  return { looked: boot.then(seen), close: () => whole.then(() => undefined).catch(() => undefined) };
}

async function opened(
  file: string,
  { source, path, imageBytes, unpacked }: Looked,
  { sha256, close }: Pick<BaseImage, 'sha256' | 'close'>,
): Promise<BaseImage> {
  let card = await openCard(path, imageBytes === undefined ? {} : { imageBytes });
  return {
    ...{ source, file, sha256, unpacked, warnings: card.warnings },
    get boot() {
      return card.boot;
    },
    async prepare(image, timeMs, edit) {
      const prepared = await prepareImage(image, timeMs, edit);
      const next = await openCard(prepared.path);
      card.close();
      card = next;
      return prepared;
    },
    async close() {
      card.close();
      await close();
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
    return systemCode(error) === 'EPERM';
  }
}
