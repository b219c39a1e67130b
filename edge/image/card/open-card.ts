import { closeSync, fsyncSync, openSync } from 'node:fs';
import type { Card, OpenCard } from '../card-types.js';
import { explaining, naming } from './naming.js';
import { openBoot } from './open-boot.js';
import { openSizeBytes } from './size-of.js';
import { fileBlocks } from '../disk/blocks.js';

/** Opens a card or the image of one: a file, or a device that the system lets us read. */
export const openCard: OpenCard = (path, { timeMs } = {}) =>
  explaining(path, () => naming(path, () => openAt(path, timeMs)));

async function openAt(path: string, timeMs: number | undefined): Promise<Card> {
  const fd = openSync(path, timeMs === undefined ? 'r' : 'r+');
  try {
    const blocks = fileBlocks(fd, path, openSizeBytes(fd));
    const { table, partition, boot, warnings } = await openBoot(blocks, timeMs);
    const close = (): void => {
      boot.close();
      if (timeMs !== undefined) fsyncSync(fd);
      closeSync(fd);
    };
    return { path, table, partition, boot, warnings, close };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}
