import { crc32 } from '#core/runtime/crc32.js';
import { messageOf, RejectedError } from '#core/runtime/errors.js';
import type { Blocks } from './blocks.js';
import type { Partition, PartitionTable } from './partition-table.js';
import { sectorBytes } from './sector.js';

// UEFI 2.10, 5.3: a header in the disk's second sector with the checksum of itself and of the entries, and both once more
// at the end of the disk.
interface GptHeader {
  readonly backupSector: number;
  readonly firstUsable: number;
  readonly lastUsable: number;
  readonly entriesSector: number;
  readonly entryCount: number;
  readonly entryBytes: number;
  readonly entriesCrc: number;
}

const fatTypes = new Set([
  'c12a7328-f81f-11d2-ba4b-00a0c93ec93b', // EFI system partition
  'ebd0a0a2-b9e5-4433-87c0-68b6b72699c7', // Microsoft basic data
]);
const unusedType = '00000000-0000-0000-0000-000000000000';
/** 128 entries of 128 bytes are usual: 16 KiB. */
const maxEntriesBytes = 1024 * 1024;

/** The partitions of a GPT; of its backup, with a warning, where the first is damaged. */
export function readGpt(blocks: Blocks): PartitionTable {
  const faults: string[] = [];
  for (const sector of candidates(blocks)) {
    try {
      const partitions = gptPartitions(blocks, sector);
      const warnings = faults.map((fault) => `The partition table is damaged (${fault}); its backup was used.`);
      return { scheme: 'gpt', partitions, warnings };
    } catch (error) {
      faults.push(messageOf(error));
    }
  }
  throw new RejectedError('corrupt', `both copies of the partition table are damaged: ${faults.join('; ')}`);
}

/** Where a header may be: the first, the one that it names, the last sector. An image on a larger card has it before the end. */
function candidates(blocks: Blocks): readonly number[] {
  const last = Math.floor(blocks.sizeBytes / sectorBytes) - 1;
  const named = [];
  try {
    named.push(readHeader(blocks, 1).backupSector);
  } catch {
    // Then only the disk's end is left to look at.
  }
  return [...new Set([1, ...named, last])].filter((sector) => sector >= 1 && sector <= last);
}

function gptPartitions(blocks: Blocks, sector: number): readonly Partition[] {
  const header = readHeader(blocks, sector);
  const entries = new Uint8Array(header.entryCount * header.entryBytes);
  blocks.read(header.entriesSector * sectorBytes, entries);
  if (crc32(entries) !== header.entriesCrc) throw new RejectedError('corrupt', 'its entries have another checksum');
  const found: Partition[] = [];
  for (let index = 0; index < header.entryCount; index++) {
    const entry = parseEntry(
      entries.subarray(index * header.entryBytes, (index + 1) * header.entryBytes),
      index + 1,
      header,
    );
    if (entry) found.push(entry);
  }
  return found;
}

function readHeader(blocks: Blocks, sector: number): GptHeader {
  const bytes = new Uint8Array(sectorBytes);
  blocks.read(sector * sectorBytes, bytes);
  const view = new DataView(bytes.buffer);
  if (Buffer.from(bytes.buffer, 0, 8).toString('latin1') !== 'EFI PART') {
    throw new RejectedError('corrupt', `sector ${sector} holds no header`);
  }
  const headerBytes = view.getUint32(12, true);
  const crc = view.getUint32(16, true);
  view.setUint32(16, 0, true);
  if (headerBytes < 92 || headerBytes > sectorBytes || crc32(bytes.subarray(0, headerBytes)) !== crc) {
    throw new RejectedError('corrupt', `the header in sector ${sector} has another checksum`);
  }
  if (uint64(view, 24) !== sector)
    throw new RejectedError('corrupt', `the header in sector ${sector} is of another one`);
  return checked({
    backupSector: uint64(view, 32),
    firstUsable: uint64(view, 40),
    lastUsable: uint64(view, 48),
    entriesSector: uint64(view, 72),
    entryCount: view.getUint32(80, true),
    entryBytes: view.getUint32(84, true),
    entriesCrc: view.getUint32(88, true),
  });
}

function checked(header: GptHeader): GptHeader {
  const { entryCount, entryBytes } = header;
  const wellFormed = entryBytes >= 128 && entryBytes <= 4096 && entryBytes % 8 === 0 && entryCount > 0;
  if (wellFormed && entryCount * entryBytes <= maxEntriesBytes && header.entriesSector >= 2) return header;
  throw new RejectedError(
    'corrupt',
    `${entryCount} entries of ${entryBytes} bytes at sector ${header.entriesSector} cannot be`,
  );
}

function parseEntry(bytes: Uint8Array, number: number, header: GptHeader): Partition | undefined {
  const type = guid(bytes.subarray(0, 16));
  if (type === unusedType) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const first = uint64(view, 32);
  const last = uint64(view, 40);
  if (first < header.firstUsable || last > header.lastUsable || last < first) {
    throw new RejectedError('corrupt', `partition ${number} has the sectors ${first} to ${last}, which cannot be`);
  }
  return {
    number,
    kind: 'gpt',
    type,
    fat: fatTypes.has(type),
    name: Buffer.from(bytes.subarray(56, 128)).toString('utf16le').replace(/\0.*$/s, ''),
    startBytes: first * sectorBytes,
    sizeBytes: (last - first + 1) * sectorBytes,
  };
}

/** A GUID as it is written: its first three fields are little-endian on disk. */
function guid(bytes: Uint8Array): string {
  const hex = Buffer.from([3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15].map((at) => bytes[at]!)).toString(
    'hex',
  );
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** A count of sectors; one that is no safe number of bytes lies outside every disk. */
function uint64(view: DataView, at: number): number {
  const value = Number(view.getBigUint64(at, true));
  return Number.isSafeInteger(value * sectorBytes) ? value : Math.floor(Number.MAX_SAFE_INTEGER / sectorBytes);
}
