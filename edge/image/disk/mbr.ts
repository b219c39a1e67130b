import { RejectedError } from '#core/runtime/errors.js';
import type { Blocks } from './blocks.js';
import type { Partition } from './partition-table.js';
import { sectorBytes } from './sector.js';

/** What stands in one of the four places of a boot record, in sectors. */
export interface MbrEntry {
  readonly place: number;
  readonly type: number;
  readonly startSector: number;
  readonly sectors: number;
}

const fatTypes = new Set([0x01, 0x04, 0x06, 0x0b, 0x0c, 0x0e]);
const extendedTypes = new Set([0x05, 0x0f, 0x85]);
/** Of a "protective" record: the disk has a GPT. */
export const gptType = 0xee;
/** Linux numbers no more, and a chain that is longer goes in a circle. */
const maxLogical = 124;

/** The entries in use of a boot record; undefined if the sector is none. */
export function parseBootRecord(sector: Uint8Array): readonly MbrEntry[] | undefined {
  if (sector[510] !== 0x55 || sector[511] !== 0xaa) return undefined;
  const view = new DataView(sector.buffer, sector.byteOffset, sector.byteLength);
  const entries: MbrEntry[] = [];
  for (let place = 0; place < 4; place++) {
    const at = 446 + place * 16;
    // A FAT without a partition table ends with the same two bytes, but has program code here.
    if (![0x00, 0x80].includes(sector[at]!)) return undefined;
    const type = sector[at + 4]!;
    const startSector = view.getUint32(at + 8, true);
    const sectors = view.getUint32(at + 12, true);
    if (type !== 0 && sectors > 0) entries.push({ place, type, startSector, sectors });
  }
  return entries;
}

/** Primary and logical partitions of a disk whose first sector has these entries; bounds are checked by the caller. */
export function mbrPartitions(blocks: Blocks, entries: readonly MbrEntry[]): readonly Partition[] {
  const extended = entries.filter(({ type }) => extendedTypes.has(type));
  if (extended.length > 1) throw new RejectedError('corrupt', 'the disk has more than one extended partition');
  return [
    ...entries
      .filter((entry) => !extended.includes(entry))
      .map((entry) => partition('primary', entry.place + 1, entry)),
    ...extended.flatMap((entry) => logicalPartitions(blocks, entry)),
  ];
}

/** Each logical partition has a boot record of its own, which also leads to the next one. */
function logicalPartitions(blocks: Blocks, extended: MbrEntry): readonly Partition[] {
  const found: Partition[] = [];
  const sector = new Uint8Array(sectorBytes);
  let at = extended.startSector;
  for (let step = 0; step <= maxLogical; step++) {
    blocks.read(at * sectorBytes, sector);
    const entries = parseBootRecord(sector);
    if (entries === undefined)
      throw new RejectedError('corrupt', `sector ${at} is no boot record of a logical partition`);
    const own = entries.find(({ place }) => place === 0);
    if (own)
      found.push(
        partition('logical', 5 + found.length, within(extended, { ...own, startSector: at + own.startSector })),
      );
    const next = entries.find(({ place }) => place === 1);
    if (next === undefined) return found;
    at = within(extended, { ...next, startSector: extended.startSector + next.startSector }).startSector;
  }
  throw new RejectedError('corrupt', `the chain of logical partitions has more than ${maxLogical} links`);
}

function within(extended: MbrEntry, entry: MbrEntry): MbrEntry {
  const end = entry.startSector + entry.sectors;
  if (entry.startSector >= extended.startSector && end <= extended.startSector + extended.sectors) return entry;
  throw new RejectedError(
    'corrupt',
    `a logical partition at sector ${entry.startSector} lies outside the extended one`,
  );
}

function partition(kind: 'primary' | 'logical', number: number, entry: MbrEntry): Partition {
  return {
    number,
    kind,
    type: `0x${entry.type.toString(16).padStart(2, '0')}`,
    fat: fatTypes.has(entry.type),
    startBytes: entry.startSector * sectorBytes,
    sizeBytes: entry.sectors * sectorBytes,
  };
}
