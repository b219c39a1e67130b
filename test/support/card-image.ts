import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { FM_FAT, FM_FAT32, FM_SFD, FR_OK } from 'js-fatfs';
import type { BootFile } from '../../edge/image/boot-partition.js';
import { fileBlocks, partOf, type Blocks } from '../../edge/image/disk/blocks.js';
import { openFat, type FatBootPartition } from '../../edge/image/fat/fat-boot-partition.js';
import { fatDisk } from '../../edge/image/fat/fat-disk.js';
import { createFatFs } from '../../edge/image/fat/fatfs-module.js';

export const mebibyte = 1024 * 1024;

export interface CardSpec {
  readonly scheme?: 'mbr' | 'gpt';
  readonly fat?: 'FAT16' | 'FAT32';
  /** Of the boot partition; FAT32 has 34 at least. */
  readonly bootMiB?: number;
  /** Of the partition behind it. */
  readonly rootMiB?: number;
  readonly files?: readonly BootFile[];
}

export const bootStartBytes = 4 * mebibyte;
const madeMs = Date.UTC(2025, 10, 24);

/** What the boot partition of a Raspberry Pi holds at least. */
export const piFiles: readonly BootFile[] = [
  { path: 'cmdline.txt', bytes: Buffer.from('console=tty1 root=PARTUUID=12345678-02 rootfstype=ext4 rootwait\n') },
  { path: 'config.txt', bytes: Buffer.from('arm_64bit=1\n') },
];

/** The image of a card with a boot partition and one behind it, made without any program of the system; mostly holes. */
export async function makeCardImage(path: string, spec: CardSpec = {}): Promise<void> {
  const { scheme = 'mbr', fat = 'FAT32', rootMiB = 2, files = piFiles } = spec;
  const bootMiB = spec.bootMiB ?? (fat === 'FAT32' ? 36 : 16);
  const bootBytes = bootMiB * mebibyte;
  const rootStart = bootStartBytes + bootBytes;
  // A GPT has its backup behind the last partition.
  const sizeBytes = rootStart + (rootMiB + 1) * mebibyte;
  const fd = openSync(path, 'w+');
  try {
    ftruncateSync(fd, sizeBytes);
    const blocks = fileBlocks(fd, path, sizeBytes);
    const places = [
      { start: bootStartBytes / 512, sectors: bootBytes / 512, type: 0x0c },
      { start: rootStart / 512, sectors: (rootMiB * mebibyte) / 512, type: 0x83 },
    ];
    if (scheme === 'mbr') blocks.write(0, mbrSector(places));
    else
      writeGpt(
        blocks,
        places.map(({ start, sectors }, index) => ({ first: start, last: start + sectors - 1, ...gptKinds[index]! })),
      );
    writeSync(fd, 'a file system of Linux', rootStart + 1080);
    const part = partOf(blocks, 'boot', bootStartBytes, bootBytes);
    await formatFat(part, fat);
    const boot = await openFat({ blocks: part, timeMs: madeMs });
    for (const file of files) boot.write(file);
    boot.close();
  } finally {
    closeSync(fd);
  }
}

/** Opens the boot partition of such an image without any check of what is in it. */
export async function openCardFat(path: string, bootBytes: number): Promise<FatBootPartition> {
  const fd = openSync(path, 'r+');
  const blocks = fileBlocks(fd, path, bootStartBytes + bootBytes);
  return openFat({ blocks: partOf(blocks, 'boot', bootStartBytes, bootBytes), timeMs: madeMs });
}

/** An empty FAT with clusters of one sector. */
export async function formatFat(blocks: Blocks, fat: 'FAT16' | 'FAT32'): Promise<void> {
  const geometry = { type: fat, clusterBytes: 512, clusters: 0, dirty: false };
  const ff = await createFatFs(fatDisk(blocks, geometry, true), madeMs);
  const work = ff.malloc(32 * 1024);
  const options = {
    fmt: (fat === 'FAT32' ? FM_FAT32 : FM_FAT) | FM_SFD,
    n_fat: 2,
    align: 0,
    n_root: fat === 'FAT32' ? 0 : 512,
    au_size: 512,
  };
  if (ff.f_mkfs('', options, work, 32 * 1024) !== FR_OK) throw new Error(`cannot make a ${fat} here`);
}

export interface MbrPlace {
  readonly start: number;
  readonly sectors: number;
  readonly type: number;
}

/** A boot record: partitions by their places in sectors. */
export function mbrSector(places: readonly MbrPlace[]): Uint8Array {
  const sector = Buffer.alloc(512);
  sector.writeUInt32LE(0x12345678, 440);
  for (const [index, { start, sectors, type }] of places.entries()) {
    const at = 446 + index * 16;
    sector[at + 4] = type;
    sector.writeUInt32LE(start, at + 8);
    sector.writeUInt32LE(sectors, at + 12);
  }
  sector.writeUInt16LE(0xaa55, 510);
  return sector;
}

export interface GptPlace {
  readonly first: number;
  readonly last: number;
  /** As it is written. */
  readonly type: string;
  readonly name: string;
}

const gptKinds = [
  { type: 'ebd0a0a2-b9e5-4433-87c0-68b6b72699c7', name: 'bootfs' },
  { type: '0fc63daf-8483-4772-8e79-3d69d8477de4', name: 'rootfs' },
];

/** Both copies of a GPT and the boot record that protects it. */
export function writeGpt(blocks: Blocks, places: readonly GptPlace[]): void {
  const lastSector = blocks.sizeBytes / 512 - 1;
  const entries = Buffer.alloc(128 * 128);
  for (const [index, { first, last, type, name }] of places.entries()) {
    const at = index * 128;
    guidBytes(type).copy(entries, at);
    entries.fill(index + 1, at + 16, at + 32);
    entries.writeBigUInt64LE(BigInt(first), at + 32);
    entries.writeBigUInt64LE(BigInt(last), at + 40);
    entries.write(name, at + 56, 'utf16le');
  }
  const header = (own: number, other: number, entriesSector: number): Buffer => {
    const sector = Buffer.alloc(512);
    sector.write('EFI PART', 'latin1');
    sector.writeUInt32LE(0x00010000, 8);
    sector.writeUInt32LE(92, 12);
    for (const [at, value] of [
      [24, own],
      [32, other],
      [40, 34],
      [48, lastSector - 33],
      [72, entriesSector],
    ] as const) {
      sector.writeBigUInt64LE(BigInt(value), at);
    }
    sector.fill(0xab, 56, 72);
    sector.writeUInt32LE(128, 80);
    sector.writeUInt32LE(128, 84);
    sector.writeUInt32LE(crc32(entries), 88);
    sector.writeUInt32LE(crc32(sector.subarray(0, 92)), 16);
    return sector;
  };
  blocks.write(0, mbrSector([{ start: 1, sectors: lastSector, type: 0xee }]));
  blocks.write(512, header(1, lastSector, 2));
  blocks.write(1024, entries);
  blocks.write((lastSector - 32) * 512, entries);
  blocks.write(lastSector * 512, header(lastSector, 1, lastSector - 32));
}

function guidBytes(guid: string): Buffer {
  const hex = guid.replaceAll('-', '');
  const bytes = Buffer.from(hex, 'hex');
  return Buffer.concat([
    bytes.subarray(0, 4).reverse(),
    bytes.subarray(4, 6).reverse(),
    bytes.subarray(6, 8).reverse(),
    bytes.subarray(8),
  ]);
}
