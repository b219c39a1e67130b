import { open, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { RejectedError, systemCode } from '#core/runtime/errors.js';
import { fileBlocks } from '../disk/blocks.js';
import type { ImageTarget } from './image-target.js';
import { stretchBytes } from './stretch.js';
import { writeRuns } from './write-runs.js';

export interface FileTargetOptions {
  readonly overwrite: boolean;
  /** A file in the same folder that holds the image already, and becomes it. */
  readonly taken?: string;
}

/**
 * A file beside `out`, renamed to it when it is whole. Zeros are left out, so that it takes what it holds. Throws RejectedError
 * `refused` if `out` exists and may not be replaced.
 */
export async function openFileTarget(out: string, { overwrite, taken }: FileTargetOptions): Promise<ImageTarget> {
  await checkFree(out, overwrite);
  const path = `${out}.partial`;
  // What a killed run left is removed; one that still runs finds out when it renames.
  await rm(path, { force: true });
  if (taken !== undefined) await rename(taken, path);
  // The image of a card holds what its device shows at the gateway.
  const file = await open(path, taken === undefined ? 'wx+' : 'r+', 0o600);
  let writtenBytes = 0;
  return {
    path,
    writtenBytes: () => writtenBytes,
    readsAllBack: false,
    take: async (index, bytes, runs) => {
      writtenBytes += await writeRuns(file, bytes, index * stretchBytes, runs);
    },
    edit: async (imageBytes) => {
      await file.truncate(imageBytes);
      return fileBlocks(file.fd, path, imageBytes);
    },
    sync: () => file.sync(),
    finish: async () => {
      await checkFree(out, overwrite);
      await checkOurs(file, path);
      await rename(path, out);
      await file.close();
      await syncFolder(dirname(out));
    },
    discard: async () => {
      const isOurs = await checkOurs(file, path).then(
        () => true,
        () => false,
      );
      await file.close();
      if (isOurs) await rm(path, { force: true });
    },
  };
}

async function checkFree(out: string, overwrite: boolean): Promise<void> {
  const existing = await stat(out).catch((error: unknown) => {
    if (systemCode(error) !== 'ENOENT') throw error;
    return undefined;
  });
  if (existing === undefined || (existing.isFile() && overwrite)) return;
  const why = existing.isFile() ? 'exists already, and is not replaced unless that is asked for' : 'is not a file';
  throw new RejectedError('refused', `${out} ${why}`);
}

async function checkOurs(file: FileHandle, path: string): Promise<void> {
  const [ours, there] = await Promise.all([file.stat(), stat(path)]);
  if (ours.ino === there.ino && ours.dev === there.dev) return;
  throw new RejectedError('refused', `${path} is being written by somebody else`);
}

/** A new name is safe when its folder is. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
