import { RejectedError } from '#core/runtime/errors.js';
import { partOf, type Blocks } from '../disk/blocks.js';
import type { Partition, PartitionTable } from '../disk/partition-table.js';
import { readPartitionTable } from '../disk/read-partition-table.js';
import { checkBootFiles } from '../fat/boot-check.js';
import { openFat, type FatBootPartition } from '../fat/fat-boot-partition.js';

export interface OpenedBoot {
  readonly table: PartitionTable;
  readonly partition: Partition;
  readonly boot: FatBootPartition;
  readonly warnings: readonly string[];
}

/**
 * The partition that the firmware starts from: the first FAT with its files. A card may have several, such as one for
 * recovery. Throws RejectedError `refused` with what the first FAT holds instead, or `corrupt`.
 */
export async function openBoot(blocks: Blocks, timeMs: number | undefined): Promise<OpenedBoot> {
  const table = readPartitionTable(blocks);
  const candidates = table.partitions.filter(({ fat }) => fat);
  if (candidates.length === 0) throw new RejectedError('refused', whatPartitions(table));
  let firstError: unknown;
  for (const partition of candidates) {
    try {
      const boot = await openPartition(blocks, partition, timeMs);
      return { table, partition, boot, warnings: [...table.warnings, ...dirtyWarnings(boot)] };
    } catch (error) {
      if (!(error instanceof RejectedError)) throw error;
      firstError ??= error;
    }
  }
  throw firstError;
}

async function openPartition(blocks: Blocks, partition: Partition, timeMs?: number): Promise<FatBootPartition> {
  const { number, startBytes, sizeBytes } = partition;
  const boot = await openFat({ blocks: partOf(blocks, `partition ${number}`, startBytes, sizeBytes), timeMs });
  checkBootFiles(boot.list());
  return boot;
}

function dirtyWarnings({ geometry }: FatBootPartition): readonly string[] {
  return geometry.dirty ? ['The boot partition was not closed properly when it was written last.'] : [];
}

function whatPartitions({ partitions }: PartitionTable): string {
  if (partitions.length === 0) return 'it has a partition table without partitions';
  const types = partitions.map(({ number, type }) => `${number} of type ${type}`).join(', ');
  return `it has no FAT partition, as a Raspberry Pi starts from; it has ${types}`;
}
