import {
  AM_DIR,
  FA_CREATE_ALWAYS,
  FA_READ,
  FA_WRITE,
  FR_DENIED,
  FR_EXIST,
  FR_NO_FILE,
  FR_NO_PATH,
  FR_OK,
  sizeof_DIR,
  sizeof_FATFS,
  sizeof_FIL,
  sizeof_FILINFO,
  type FatFs,
} from 'js-fatfs';
import { RejectedError } from '#core/runtime/errors.js';
import type { Blocks } from '../disk/blocks.js';
import { fatDisk, type FatDisk } from './fat-disk.js';
import type { FatGeometry } from './fat-geometry.js';
import { createFatFs } from './fatfs-module.js';

export interface FatEntry {
  readonly name: string;
  readonly isFolder: boolean;
  readonly bytes: number;
}

export interface FatVolumeOptions {
  readonly blocks: Blocks;
  readonly geometry: FatGeometry;
  /** The time of what is written; undefined: only for reading. */
  readonly timeMs?: number;
}

/** FatFs has one code for all of these. */
const denied = 'the FAT refuses it: it is read-only, or a folder that is full or not empty';
const chunkBytes = 256 * 1024;
const isMissing = (result: number): boolean => result === FR_NO_FILE || result === FR_NO_PATH;

/** FatFs on a range of bytes: its memory is managed here, its result codes become errors. Paths are as `fatNames` lets them. */
export class FatVolume {
  private constructor(
    private readonly ff: FatFs,
    private readonly disk: FatDisk,
    private readonly geometry: FatGeometry,
    private readonly volume: number,
  ) {}

  static async open({ blocks, geometry, timeMs }: FatVolumeOptions): Promise<FatVolume> {
    const disk = fatDisk(blocks, geometry, timeMs !== undefined);
    const ff = await createFatFs(disk, timeMs ?? 0);
    const volume = new FatVolume(ff, disk, geometry, ff.malloc(sizeof_FATFS));
    volume.check(ff.f_mount(volume.volume, '', 1), 'the FAT cannot be opened');
    return volume;
  }

  close(): void {
    this.check(this.ff.f_unmount(''), 'the FAT cannot be closed');
    this.ff.free(this.volume);
  }

  freeBytes(): number {
    return this.withMemory(8, (at) => {
      this.check(this.ff.f_getfree('', at, at + 4), 'free space');
      return (this.ff.getValue(at, 'i32') >>> 0) * this.geometry.clusterBytes;
    });
  }

  stat(path: string): FatEntry | undefined {
    return this.withMemory(sizeof_FILINFO, (at) => {
      const result = this.ff.f_stat(path, at);
      if (isMissing(result)) return undefined;
      this.check(result, path);
      return this.entryAt(at);
    });
  }

  /** undefined if there is no such folder. */
  list(path: string): readonly FatEntry[] | undefined {
    return this.withMemory(sizeof_DIR + sizeof_FILINFO, (at) => {
      const opened = this.ff.f_opendir(at, path);
      if (isMissing(opened)) return undefined;
      this.check(opened, path);
      const entries: FatEntry[] = [];
      for (;;) {
        this.check(this.ff.f_readdir(at, at + sizeof_DIR), path);
        const entry = this.entryAt(at + sizeof_DIR);
        if (entry.name === '') break;
        entries.push(entry);
      }
      this.check(this.ff.f_closedir(at), path);
      return entries;
    });
  }

  read(path: string, bytes: number): Uint8Array {
    const whole = new Uint8Array(bytes);
    this.readChunks(path, bytes, (chunk, done) => whole.set(chunk, done));
    return whole;
  }

  /** Each chunk is valid during its call only. */
  readChunks(path: string, bytes: number, use: (chunk: Uint8Array, done: number) => void): void {
    this.withFile(path, FA_READ, (file, buffer, count) => {
      for (let done = 0; done < bytes;) {
        const wanted = Math.min(chunkBytes, bytes - done);
        this.check(this.ff.f_read(file, buffer, wanted, count), path);
        const got = this.ff.getValue(count, 'i32');
        if (got !== wanted) throw new RejectedError('corrupt', `${path} ends before its size on the FAT`);
        use(this.ff.HEAPU8.subarray(buffer, buffer + got), done);
        done += got;
      }
    });
  }

  /** A file that is there is replaced. */
  write(path: string, bytes: Uint8Array): void {
    this.withFile(path, FA_WRITE | FA_CREATE_ALWAYS, (file, buffer, count) => {
      for (let done = 0; done < bytes.length;) {
        const chunk = bytes.subarray(done, done + chunkBytes);
        this.ff.HEAPU8.set(chunk, buffer);
        this.check(this.ff.f_write(file, buffer, chunk.length, count), path);
        if (this.ff.getValue(count, 'i32') !== chunk.length)
          throw new RejectedError('disk-full', `no room for ${path}`);
        done += chunk.length;
      }
    });
  }

  /** A folder that is there stays. */
  makeFolder(path: string): void {
    const result = this.ff.f_mkdir(path);
    if (result !== FR_EXIST) this.check(result, path);
    else if (this.stat(path)?.isFolder !== true) throw new RejectedError('refused', `${path} is a file, not a folder`);
  }

  /** Of a folder only if it is empty. A missing one is no error. */
  remove(path: string): void {
    const result = this.ff.f_unlink(path);
    if (!isMissing(result)) this.check(result, path);
  }

  private entryAt(at: number): FatEntry {
    const isFolder = (this.ff.FILINFO_fattrib(at) & AM_DIR) !== 0;
    return { name: this.ff.FILINFO_fname(at), isFolder, bytes: this.ff.FILINFO_fsize(at) };
  }

  private withFile(path: string, mode: number, use: (file: number, buffer: number, count: number) => void): void {
    this.withMemory(sizeof_FIL + chunkBytes + 8, (file) => {
      const buffer = file + sizeof_FIL;
      this.check(this.ff.f_open(file, path, mode), path);
      try {
        use(file, buffer, buffer + chunkBytes);
      } catch (error) {
        this.ff.f_close(file);
        throw error;
      }
      this.check(this.ff.f_close(file), path);
    });
  }

  private withMemory<T>(bytes: number, use: (at: number) => T): T {
    const at = this.ff.malloc(bytes);
    try {
      return use(at);
    } finally {
      this.ff.free(at);
    }
  }

  private check(result: number, what: string): void {
    const error = this.disk.takeError();
    if (error !== undefined) throw error;
    if (result === FR_OK) return;
    if (result === FR_DENIED) throw new RejectedError('refused', `${what}: ${denied}`);
    throw new RejectedError('refused', `the FAT refuses ${what}: its folder is full, or not empty`);
    throw new RejectedError('corrupt', `the FAT is damaged at ${what} (FatFs ${result})`);
  }
}
