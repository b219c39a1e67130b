import { RejectedError } from '#core/runtime/errors.js';
import type { Blocks } from '../disk/blocks.js';
import { sectorBytes } from '../disk/sector.js';

export interface FatGeometry {
  readonly type: 'FAT12' | 'FAT16' | 'FAT32';
  readonly clusterBytes: number;
  readonly clusters: number;
  /** Where FAT32 keeps its count of free clusters; it is advice that may be wrong. */
  readonly infoSector?: number;
  /** Was taken out while it was being written. */
  readonly dirty: boolean;
}

/** The numbers that a FAT begins with, in sectors. */
interface BootSector {
  readonly sectorsPerCluster: number;
  readonly reserved: number;
  readonly fats: number;
  readonly rootEntries: number;
  readonly fatSectors: number;
  readonly totalSectors: number;
}

/**
 * Reads a FAT's first sector and refuses what cannot be, before any other code trusts it: `refused` if it is no FAT,
 * `corrupt` if it is one that reaches past its partition.
 */
export function readFatGeometry(blocks: Blocks): FatGeometry {
  const sector = new Uint8Array(sectorBytes);
  if (blocks.sizeBytes < 4 * sectorBytes) throw new RejectedError('refused', 'it is too small for a FAT');
  blocks.read(0, sector);
  const view = new DataView(sector.buffer);
  const boot = parseBootSector(sector, view);
  const { sectorsPerCluster, reserved, fats, fatSectors, totalSectors } = boot;
  const rootSectors = Math.ceil((boot.rootEntries * 32) / sectorBytes);
  const overhead = reserved + fats * fatSectors + rootSectors;
  if (totalSectors * sectorBytes > blocks.sizeBytes)
    throw new RejectedError('corrupt', 'its FAT is larger than the partition');
  const clusters = Math.floor((totalSectors - overhead) / sectorsPerCluster);
  if (clusters < 1) throw new RejectedError('corrupt', 'its FAT has no room for files');
  // The count of clusters alone tells the type, whatever the sector claims. [FAT specification 1.03, 3.5]
  const type = clusters < 4085 ? 'FAT12' : clusters < 65525 ? 'FAT16' : 'FAT32';
  checkTables(type, clusters, boot);
  return {
    type,
    clusterBytes: sectorsPerCluster * sectorBytes,
    clusters,
    infoSector: type === 'FAT32' && view.getUint16(48, true) === 1 ? 1 : undefined,
    dirty: isDirty(blocks, type, reserved, sector),
  };
}

function parseBootSector(sector: Uint8Array, view: DataView): BootSector {
  const jumps = sector[0] === 0xeb || sector[0] === 0xe9;
  if (!jumps || sector[510] !== 0x55 || sector[511] !== 0xaa) throw new RejectedError('refused', 'it holds no FAT');
  if (view.getUint16(11, true) !== sectorBytes) {
    throw new RejectedError(
      'refused',
      `it has sectors of ${view.getUint16(11, true)} bytes; a card has sectors of 512 bytes`,
    );
  }
  const boot = {
    sectorsPerCluster: sector[13]!,
    reserved: view.getUint16(14, true),
    fats: sector[16]!,
    rootEntries: view.getUint16(17, true),
    fatSectors: view.getUint16(22, true) || view.getUint32(36, true),
    totalSectors: view.getUint16(19, true) || view.getUint32(32, true),
  };
  const isPowerOfTwo = boot.sectorsPerCluster > 0 && (boot.sectorsPerCluster & (boot.sectorsPerCluster - 1)) === 0;
  if (!isPowerOfTwo || boot.reserved === 0 || boot.fats < 1 || boot.fats > 2 || boot.fatSectors === 0) {
    throw new RejectedError('corrupt', 'the first sector of its FAT is damaged');
  }
  return boot;
}

function checkTables(
  type: FatGeometry['type'],
  clusters: number,
  { fatSectors, rootEntries, reserved }: BootSector,
): void {
  const entryBits = { FAT12: 12, FAT16: 16, FAT32: 32 }[type];
  const neededSectors = Math.ceil(((clusters + 2) * entryBits) / 8 / sectorBytes);
  const rootIsWrong = type === 'FAT32' ? rootEntries !== 0 || reserved < 2 : rootEntries === 0;
  if (fatSectors < neededSectors || rootIsWrong)
    throw new RejectedError('corrupt', `its ${type} has tables that cannot be`);
}

/** Linux marks the first sector, others the table's second entry. */
function isDirty(blocks: Blocks, type: FatGeometry['type'], reserved: number, bootSector: Uint8Array): boolean {
  const marked = bootSector[type === 'FAT32' ? 65 : 37]! & 1;
  if (type === 'FAT12') return marked === 1;
  const entries = new Uint8Array(8);
  blocks.read(reserved * sectorBytes, entries);
  const clean = type === 'FAT32' ? entries[7]! & 0x08 : entries[3]! & 0x80;
  return marked === 1 || clean === 0;
}
