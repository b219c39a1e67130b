import { createHash } from 'node:crypto';
import { RejectedError } from '#core/runtime/errors.js';
import type { BootFile, BootPartition } from '../boot-partition.js';
import type { Blocks } from '../disk/blocks.js';
import { readFatGeometry, type FatGeometry } from './fat-geometry.js';
import { fatNames } from './fat-path.js';
import { FatVolume } from './fat-volume.js';

export interface OpenFatOptions {
  readonly blocks: Blocks;
  /** The time of what is written, in UTC, for FAT knows no zone; undefined: only for reading. */
  readonly timeMs?: number;
}

/** More than any kernel or archive of a boot partition. */
const maxFileBytes = 256 * 1024 * 1024;

/** Any FAT12, FAT16 or FAT32. Throws RejectedError `refused` if it is none, `corrupt` if it is damaged. */
export async function openFat({ blocks, timeMs }: OpenFatOptions): Promise<FatBootPartition> {
  const geometry = readFatGeometry(blocks);
  return new FatBootPartition(await FatVolume.open({ blocks, geometry, timeMs }), geometry);
}

export class FatBootPartition implements BootPartition {
  constructor(
    private readonly volume: FatVolume,
    readonly geometry: FatGeometry,
  ) {}

  read(path: string): Uint8Array | undefined {
    const file = this.fileAt(path);
    return file && this.volume.read(file.name, file.bytes);
  }

  sha256(path: string): string | undefined {
    const file = this.fileAt(path);
    if (file === undefined) return undefined;
    const hash = createHash('sha256');
    this.volume.readChunks(file.name, file.bytes, (chunk) => hash.update(chunk));
    return hash.digest('hex');
  }

  list(folder = ''): readonly string[] {
    const name = folder.replace(/^\/|\/$/g, '');
    const entries = this.volume.list(name === '' ? '/' : fatNames(name).join('/'));
    return (entries ?? []).map((entry) => (entry.isFolder ? `${entry.name}/` : entry.name));
  }

  write({ path, bytes }: BootFile): void {
    const names = fatNames(path);
    this.checkRoom(names, bytes.length);
    for (let depth = 1; depth < names.length; depth++) this.volume.makeFolder(names.slice(0, depth).join('/'));
    this.volume.write(names.join('/'), bytes);
  }

  remove(path: string): void {
    this.volume.remove(fatNames(path).join('/'));
  }

  freeBytes(): number {
    return this.volume.freeBytes();
  }

  close(): void {
    this.volume.close();
  }

  private fileAt(path: string): { readonly name: string; readonly bytes: number } | undefined {
    const name = fatNames(path).join('/');
    const entry = this.volume.stat(name);
    if (entry === undefined || entry.isFolder) return undefined;
    if (entry.bytes > maxFileBytes || entry.bytes > this.geometry.clusters * this.geometry.clusterBytes) {
      throw new RejectedError('corrupt', `the FAT claims that ${path} has ${entry.bytes} bytes`);
    }
    return { name, bytes: entry.bytes };
  }

  /** Before anything is written: else a file that is replaced would be gone when it turns out that the new one has no room. */
  private checkRoom(names: readonly string[], bytes: number): void {
    const replaced = this.volume.stat(names.join('/'));
    if (replaced?.isFolder) throw new RejectedError('refused', `${names.join('/')} is a folder, not a file`);
    let needed = this.clusterBytesOf(bytes) - this.clusterBytesOf(replaced?.bytes ?? 0);
    for (const [depth, name] of names.entries()) {
      const isThere = this.volume.stat(names.slice(0, depth + 1).join('/')) !== undefined;
      if (isThere) continue;
      // A name takes an entry for each 13 characters, and one more, in its folder; a new folder takes a cluster of its own.
      needed += this.clusterBytesOf((Math.ceil(name.length / 13) + 1) * 32);
      if (depth < names.length - 1) needed += this.geometry.clusterBytes;
    }
    const free = this.volume.freeBytes();
    if (needed <= free) return;
    throw new RejectedError('disk-full', `no room for ${names.join('/')}: it takes ${needed} bytes, ${free} are free`);
  }

  private clusterBytesOf(bytes: number): number {
    return Math.ceil(bytes / this.geometry.clusterBytes) * this.geometry.clusterBytes;
  }
}
