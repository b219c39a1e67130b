import { basename } from 'node:path';
import { directoryBytes } from './directories.js';
import { LevelFile, type OpenLevel } from './level-file.js';
import type { StoredRecord } from '../log.js';
import { decodeRecord, readOffset } from './record-codec.js';

const pattern = /^(\d{16})-(\d{16})$/;

/** `0000000000001041-1795251208000000`: the first offset, and when the slice was begun, in microseconds. */
export function sliceName(first: number, createdUs: number): string {
  return `${digits(first)}-${digits(createdUs)}`;
}

const digits = (n: number): string => String(Math.max(0, n)).padStart(16, '0');

export function isSliceName(name: string): boolean {
  return pattern.test(name);
}

/** The records of a topic from one offset up to the first of the next slice, in a directory of their own. */
export class Slice {
  readonly first: number;
  readonly createdUs: number;
  readonly file: LevelFile;
  /** When it was last read or written, on the monotonic clock. */
  usedMs = 0;
  private sizeWhenClosed: number | undefined;

  constructor(
    readonly path: string,
    openLevel: OpenLevel,
  ) {
    const [, first, createdUs] = pattern.exec(basename(path)) ?? [];
    this.first = Number(first);
    this.createdUs = Number(createdUs);
    this.file = new LevelFile(path, openLevel);
  }

  /** The last record in it, found by one seek: records of a slice are never deleted. */
  async last(): Promise<StoredRecord | undefined> {
    const [entry] = await this.file.use((level) => level.iterator({ reverse: true, limit: 1 }).all());
    return entry && decodeRecord(readOffset(entry[0]), entry[1], this.path);
  }

  async bytes(): Promise<number> {
    if (this.file.isOpen) return directoryBytes(this.path);
    return (this.sizeWhenClosed ??= await directoryBytes(this.path));
  }

  /** Closes it if nobody read it since `sinceMs`. */
  async closeIdle(sinceMs: number): Promise<void> {
    if (this.file.isOpen && this.usedMs < sinceMs) await this.close();
  }

  async close(): Promise<void> {
    this.sizeWhenClosed = undefined;
    await this.file.close();
  }
}
