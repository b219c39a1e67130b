import { ClassicLevel, type OpenOptions } from 'classic-level';
import { diskError } from './disk-error.js';

export type Level = ClassicLevel<Buffer, Buffer>;

/** Opens a LevelDB; a test hands in one that fails. */
export type OpenLevel = (location: string) => Promise<Level>;

/** One change of a write; without a value the key is deleted. */
export interface Change {
  readonly key: Buffer;
  readonly value?: Buffer;
}

// Many of these are open at once in a process that shall stay small, and records are read in order and once.
const small: OpenOptions = { writeBufferSize: 2 * 1_048_576, cacheSize: 262_144, maxOpenFiles: 32 };

export const openLevel: OpenLevel = async (location) => {
  const level: Level = new ClassicLevel(location, { keyEncoding: 'buffer', valueEncoding: 'buffer', ...small });
  await level.open();
  return level;
};

/**
 * A LevelDB directory that is opened at first use, and again after a failure. Throws FatalError `locked` or `corrupt`,
 * and RetryableError `disk-full` or `unavailable`, after which the same call may be made again.
 */
export class LevelFile {
  private level: Promise<Level> | undefined;
  private closing: Promise<void> = Promise.resolve();
  private users = 0;
  private idle: (() => void)[] = [];

  constructor(
    readonly location: string,
    private readonly openLevel: OpenLevel,
  ) {}

  get isOpen(): boolean {
    return this.level !== undefined;
  }

  /** Makes all changes durable, or none. */
  write(changes: readonly Change[]): Promise<void> {
    return this.use(async (level) => {
      const batch = level.batch();
      for (const { key, value } of changes) {
        if (value) batch.put(key, value);
        else batch.del(key);
      }
      try {
        await batch.write({ sync: true });
      } catch (error) {
        // A failed write may leave half a record in LevelDB's own log, and recovery drops what follows it there, synced
        // or not. Reopening starts a new log.
        await this.release();
        throw error;
      }
    });
  }

  /** Runs `work` with the open database, which stays open for as long. */
  async use<T>(work: (level: Level) => Promise<T>): Promise<T> {
    this.users += 1;
    try {
      return await work(await this.opened());
    } catch (error) {
      throw await diskError(this.location, error);
    } finally {
      this.users -= 1;
      if (this.users === 0) this.idle.splice(0).forEach((resolve) => resolve());
    }
  }

  /** Waits for those who use it. The next use opens it again. */
  async close(): Promise<void> {
    while (this.users > 0) await new Promise<void>((resolve) => this.idle.push(resolve));
    await this.release();
  }

  private release(): Promise<void> {
    const opened = this.level;
    this.level = undefined;
    if (opened) this.closing = opened.then((level) => level.close()).catch(() => undefined);
    return this.closing;
  }

  private opened(): Promise<Level> {
    if (this.level) return this.level;
    // LevelDB's lock is held until its close ends.
    const opening: Promise<Level> = this.closing.then(() => this.openLevel(this.location));
    this.level = opening;
    opening.catch(() => {
      if (this.level === opening) this.level = undefined;
    });
    return opening;
  }
}
