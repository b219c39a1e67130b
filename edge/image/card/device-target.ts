import { constants } from 'node:fs';
import { open, stat, type FileHandle } from 'node:fs/promises';
import { RejectedError, systemCode } from '#core/runtime/errors.js';
import { fileBlocks } from '../disk/blocks.js';
import type { ImageTarget } from './image-target.js';
import { openSizeBytes } from './size-of.js';
import { withHead } from './marked-blocks.js';
import { stretchBytes } from './stretch.js';
import { writeAll } from './write-all.js';

const syncedStretches = 64;

/**
 * A card in its reader, written in place. Its first stretch, with the partition table, is emptied first and written last: a
 * card whose writing broke off holds nothing that could be taken for a system.
 */
export async function openDeviceTarget(path: string): Promise<ImageTarget> {
  const file = await openExclusive(path);
  const deviceBytes = openSizeBytes(file.fd);
  const head = new Uint8Array(stretchBytes);
  let writtenBytes = 0;
  const writeHead = async (bytes: Uint8Array): Promise<void> => {
    const size = Math.min(bytes.length, deviceBytes);
    fileBlocks(file.fd, path, deviceBytes).write(0, bytes.subarray(0, size));
    await file.sync();
  };
  const empty = (): Promise<void> => writeHead(new Uint8Array(stretchBytes));
  let touched = false;
  return {
    path,
    maxBytes: deviceBytes,
    readsAllBack: true,
    writtenBytes: () => writtenBytes,
    take: async (index, bytes) => {
      // Not before there is something to write: a card stays as it is if the image turns out to be none.
      if (!touched) await empty();
      touched = true;
      writtenBytes += bytes.length;
      if (index === 0) head.set(bytes);
      else await writeAll(file, bytes, index * stretchBytes);
      // Else the system takes all of it at once, and the last sync lasts for minutes in which nothing is seen to happen.
      if (index % syncedStretches === 0) await file.datasync();
    },
    edit: (imageBytes) => Promise.resolve(withHead(fileBlocks(file.fd, path, imageBytes), head)),
    sync: async () => {
      await file.sync();
      await writeHead(head);
    },
    finish: () => file.close(),
    discard: async () => {
      // Also if the card was pulled out: then there is nothing to empty.
      if (touched) await empty().catch(() => undefined);
      await file.close();
    },
  };
}

/** Linux gives a block device exclusively only if nothing of it is mounted or otherwise in use. */
async function openExclusive(path: string): Promise<FileHandle> {
  const info = await stat(path);
  if (!info.isBlockDevice() && !info.isFile()) throw new RejectedError('refused', `${path} is no block device`);
  try {
    return await open(path, constants.O_RDWR | (info.isBlockDevice() ? constants.O_EXCL : 0));
  } catch (error) {
    if (systemCode(error) !== 'EBUSY') throw error;
    throw new RejectedError('refused', `${path} is in use: it, or a partition of it, is mounted`, { cause: error });
  }
}
