import type { FileHandle } from 'node:fs/promises';
import { fileBlocks } from '../disk/blocks.js';
import { readPartitionTable } from '../disk/read-partition-table.js';

/** Both kinds of partition table are in it, as far as their primary entries go. */
export const headBytes = 4 * 1024 * 1024;

/**
 * Where the last partition ends that may be the boot partition, by the table in a file of which the first {@link headBytes} are
 * there. Throws RejectedError for what has no partition table.
 */
export function bootEnd({ fd }: FileHandle, name: string, imageBytes: number): number {
  const ends = readPartitionTable(fileBlocks(fd, name, imageBytes))
    .partitions.filter(({ fat }) => fat)
    .map(({ startBytes, sizeBytes }) => startBytes + sizeBytes);
  return Math.max(headBytes, ...ends);
}
