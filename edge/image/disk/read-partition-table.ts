import { RejectedError } from '#core/runtime/errors.js';
import type { Blocks } from './blocks.js';
import { readGpt } from './gpt.js';
import { gptType, mbrPartitions, parseBootRecord, type MbrEntry } from './mbr.js';
import type { Partition, PartitionTable } from './partition-table.js';
import { sectorBytes } from './sector.js';

/**
 * The partitions of a disk, in the order of their places on it: none reaches past its end, none lies on another.
 * Throws RejectedError: `refused` if it has no table that we read, `corrupt` if the table cannot be right.
 */
export function readPartitionTable(blocks: Blocks): PartitionTable {
  const table = readTable(blocks);
  const partitions = [...table.partitions].sort((a, b) => a.startBytes - b.startBytes);
  for (const [index, partition] of partitions.entries()) checkPlace(blocks, partition, partitions[index - 1]);
  return { ...table, partitions };
}

/** Throws RejectedError `refused` if this is not how a disk with partitions begins. */
export function checkFirstSector(bytes: Uint8Array): void {
  if (parseBootRecord(bytes.subarray(0, sectorBytes)) === undefined) throw noTable(bytes.subarray(0, sectorBytes));
}

function readTable(blocks: Blocks): PartitionTable {
  if (blocks.sizeBytes < 2 * sectorBytes) throw new RejectedError('refused', 'it is too small for a partition table');
  const sector = new Uint8Array(sectorBytes);
  blocks.read(0, sector);
  const entries = parseBootRecord(sector);
  if (hasHeaderAt(blocks, 4096)) {
    throw new RejectedError('refused', 'it is made for sectors of 4,096 bytes; a card has sectors of 512 bytes');
  }
  if (entries === undefined) throw noTable(sector);
  if (!entries.some(({ type }) => type === gptType)) {
    return { scheme: 'mbr', partitions: mbrPartitions(blocks, entries), warnings: [] };
  }
  const gpt = readGpt(blocks);
  return { ...gpt, warnings: [...gpt.warnings, ...hybridWarnings(entries)] };
}

/** A GPT of larger sectors has its header in its second sector too, and nothing in ours. */
function hasHeaderAt(blocks: Blocks, positionBytes: number): boolean {
  const signatureAt = (at: number): string => {
    const bytes = new Uint8Array(8);
    if (at + bytes.length <= blocks.sizeBytes) blocks.read(at, bytes);
    return Buffer.from(bytes).toString('latin1');
  };
  return signatureAt(positionBytes) === 'EFI PART' && signatureAt(sectorBytes) !== 'EFI PART';
}

function hybridWarnings(entries: readonly MbrEntry[]): readonly string[] {
  if (entries.every(({ type }) => type === gptType)) return [];
  return ['The disk has two partition tables (a hybrid MBR); its GPT was used.'];
}

function noTable(sector: Uint8Array): RejectedError {
  return new RejectedError('refused', whatInstead(sector));
}

function whatInstead(sector: Uint8Array): string {
  const text = Buffer.from(sector).toString('latin1');
  if (sector.every((byte) => byte === 0)) return 'it has no partition table: its first sector is empty';
  if (/FAT(12|16|32)? {3,5}/.test(text)) return 'it is a FAT without a partition table, not the image of a whole card';
  return 'it has no partition table, so it is not the image of a whole card';
}

function checkPlace(blocks: Blocks, partition: Partition, before: Partition | undefined): void {
  const { number, startBytes, sizeBytes } = partition;
  const endBytes = startBytes + sizeBytes;
  if (startBytes < sectorBytes) throw new RejectedError('corrupt', `partition ${number} lies on the partition table`);
  if (endBytes > blocks.sizeBytes) {
    const missing = `partition ${number} reaches to byte ${endBytes}, but there are only ${blocks.sizeBytes}`;
    throw new RejectedError('corrupt', `${missing}: it was cut short`);
  }
  if (before && before.startBytes + before.sizeBytes > startBytes) {
    throw new RejectedError('corrupt', `the partitions ${before.number} and ${number} lie on each other`);
  }
}
