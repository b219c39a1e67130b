import { readdir, stat, statfs } from 'node:fs/promises';
import { basename, join } from 'node:path';

/**
 * Size on disk of a directory tree: every file as it stands there, garbage included. Measured now and then;
 * in between it is the last measurement plus what was written since.
 */
export class DiskUsage {
  #measured = 0;
  #grown = 0;
  #chatter = 0;

  constructor(private readonly directory: string) {}

  get bytes(): number {
    return this.#measured + this.#grown;
  }

  get grownBytes(): number {
    return this.#grown;
  }

  /** LevelDB's own log of events, which grows for as long as the database is open. */
  get chatterBytes(): number {
    return this.#chatter;
  }

  grow(bytes: number): void {
    this.#grown += bytes;
  }

  async measure(): Promise<number> {
    const before = this.#grown;
    const found = await files(this.directory);
    const sizes = await Promise.all(found.map(sizeOf));
    this.#measured = sizes.reduce((sum, size) => sum + size, 0);
    this.#chatter = sizes.reduce((sum, size, index) => (basename(found[index]!) === 'LOG' ? sum + size : sum), 0);
    // What was written while the files were looked at is counted twice rather than not at all.
    this.#grown -= before;
    return this.bytes;
  }

  /** Bytes that this process may still write to the disk. */
  async freeBytes(): Promise<number> {
    const { bavail, bsize } = await statfs(this.directory);
    return bavail * bsize;
  }
}

/** Before Node 20.12 the folder of an entry had another name. */
async function files(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath ?? entry.path, entry.name));
}

/** The larger of length and blocks: a file may be longer than what was given to it yet, or have room at its end. */
async function sizeOf(file: string): Promise<number> {
  try {
    const { size, blocks } = await stat(file);
    return Math.max(size, (blocks ?? 0) * 512);
  } catch {
    return 0; // A compaction removed it meanwhile.
  }
}
