import { closeSync, fsyncSync, openSync, readSync } from 'node:fs';
import { RejectedError } from '#core/runtime/errors.js';
import type { Card, OpenCard, OpenCardOptions } from '../card-types.js';
import { cachedBlocks } from './cached-blocks.js';
import { explaining, naming } from './naming.js';
import { openBoot } from './open-boot.js';
import { openSizeBytes } from './size-of.js';
import { fileBlocks, type Blocks } from '../disk/blocks.js';

/** Opens a card or the image of one: a file, or a device that the system lets us read. */
export const openCard: OpenCard = (path, options = {}) =>
  explaining(path, () => naming(path, () => openAt(path, options)));

async function openAt(path: string, { timeMs, imageBytes }: OpenCardOptions): Promise<Card> {
  const fd = openSync(path, timeMs === undefined ? 'r' : 'r+');
  try {
    const file = imageBytes === undefined ? fileBlocks(fd, path, openSizeBytes(fd)) : growingBlocks(fd, imageBytes);
    const blocks = cachedBlocks(file, timeMs === undefined ? 3 : undefined);
    const { table, partition, boot, warnings } = await openBoot(blocks, timeMs);
    const close = (): void => {
      boot.close();
      blocks.flush();
      if (timeMs !== undefined) fsyncSync(fd);
      closeSync(fd);
    };
    return { path, table, partition, boot, warnings, close };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** A file of which the end is still to come. */
function growingBlocks(fd: number, sizeBytes: number): Blocks {
  return {
    sizeBytes,
    read(position, into) {
      into.fill(0);
      for (let done = 0; done < into.length;) {
        const count = readSync(fd, into, done, into.length - done, position + done);
        if (count === 0) return;
        done += count;
      }
    },
    write() {
      throw new RejectedError('refused', 'it is still being written');
    },
  };
}
