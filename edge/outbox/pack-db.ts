import { ClassicLevel } from 'classic-level';
import { FatalError, messageOf, RetryableError, systemCode } from '#core/runtime/errors.js';
import type { SequenceRanges } from '#core/contract/sequence-ranges.js';
import { CardWear } from './card-wear.js';
import { Cursors } from './cursors.js';
import {
  boundaryKey,
  cursorsKey,
  decodeEntry,
  encodeEntry,
  entryKey,
  isCursorsKey,
  parseEntryKey,
  type HeldEntry,
} from './entry-codec.js';
import type { OutboxLimits } from './limits.js';
import type { Lane } from './outbox.js';

export type LevelDb = ClassicLevel<Buffer, Buffer>;
/** Opens nothing by itself: a constructor. Tests hand in one whose database they can break. */
export type MakeLevelDb = (directory: string, options: object) => LevelDb;

/** One atomic write. */
export interface Change {
  readonly cursors: Cursors;
  readonly puts?: readonly HeldEntry[];
  /** What a commit wrote that is taken back: its packs, and the cursors behind them. */
  readonly revoked?: { readonly packs: readonly { seq: number; lane: Lane }[]; readonly nextSeq: number };
  /** Whether the write is on disk, and not only with the operating system, when it resolves. */
  readonly sync: boolean;
}

type Operation = { type: 'put'; key: Buffer; value: Buffer } | { type: 'del'; key: Buffer };
const afterEntries = Buffer.from([0xfe]);

export interface PackDbOptions {
  readonly directory: string;
  readonly limits: OutboxLimits;
  readonly makeLevelDb?: MakeLevelDb;
}

/** The packs and cursors in LevelDB. One writer at a time; readers may overlap. */
export class PackDb {
  #db: LevelDb | undefined;
  /** Bytes handed to LevelDB, and bytes that its compactions wrote before the last close. */
  #logBytes = 0;
  readonly #wear = new CardWear();
  #closedTableBytes = 0;

  constructor(private readonly options: PackDbOptions) {}

  get isOpen(): boolean {
    return this.#db !== undefined;
  }

  /**
   * Opens and reads the cursors; undefined for a new database. LevelDB reads its log back and drops a torn end.
   * Throws FatalError `locked` or `corrupt`, RetryableError `disk-full` or `unavailable`.
   */
  async open(): Promise<Cursors | undefined> {
    const { directory, limits, makeLevelDb = makeClassicLevel } = this.options;
    const db = makeLevelDb(directory, {
      keyEncoding: 'buffer',
      valueEncoding: 'buffer',
      writeBufferSize: limits.writeBufferBytes,
      maxFileSize: limits.maxFileBytes,
      cacheSize: 256 * 1024,
      blockSize: 16 * 1024,
      maxOpenFiles: 74,
    });
    try {
      await db.open();
      this.#db = db;
      return await lastCursors(db);
    } catch (error) {
      this.#db = undefined;
      await db.close().catch(() => undefined);
      throw openError(error, directory);
    }
  }

  async close(): Promise<void> {
    const db = this.#db;
    if (!db) return;
    this.#closedTableBytes += tableBytes(db);
    this.#db = undefined;
    await db.close();
  }

  /** Throws RetryableError `disk-full` or `unavailable`; then nobody knows whether it was written until a reopen. */
  async write({ cursors, puts = [], revoked, sync }: Change): Promise<void> {
    const gone = revoked ? revoked.packs.map(({ seq, lane }) => entryKey(seq, lane)) : [];
    if (revoked && revoked.nextSeq !== cursors.nextSeq) gone.push(cursorsKey(revoked.nextSeq));
    const stored = puts.map((entry) => ({ key: entryKey(entry.seq, entry.lane), value: encodeEntry(entry) }));
    stored.push({ key: cursorsKey(cursors.nextSeq), value: cursors.encode() });
    this.#log(
      stored.reduce((sum, { key, value }) => sum + key.length + value.length + 8, 0),
      sync,
    );
    await this.#batch(
      [
        ...gone.map((key) => ({ type: 'del' as const, key })),
        ...stored.map(({ key, value }) => ({ type: 'put' as const, key, value })),
      ],
      sync,
    );
  }

  /** Deletes the packs with these numbers, whatever their lane, and old cursors behind them. Not synced. */
  async delete(numbers: SequenceRanges, nextSeq: number): Promise<void> {
    const keys: Buffer[] = [];
    for (const [from, to] of numbers) {
      for (let seq = from; seq <= to; seq += 1) {
        keys.push(entryKey(seq, 'alert'), entryKey(seq, 'data'));
        if (seq + 1 < nextSeq) keys.push(cursorsKey(seq + 1));
      }
    }
    this.#log(keys.length * 12, false);
    await this.#batch(
      keys.map((key) => ({ type: 'del' as const, key })),
      false,
    );
  }

  /** Writes what stands in memory to a table file, so that what comes next begins a file of its own. */
  async flush(): Promise<void> {
    await this.#compact(afterEntries, afterEntries);
  }

  /** At most `limit` packs with numbers in [from, to], in order. */
  async read(from: number, to: number, limit: number): Promise<HeldEntry[]> {
    const found = await this.#iterate(from, to, limit, true);
    return found.map(([key, value]) => decodeEntry(key, value));
  }

  /** Like `read`, without the packs themselves. */
  async names(from: number, to: number, limit: number): Promise<{ seq: number; lane: Lane }[]> {
    return (await this.#iterate(from, to, limit, false)).map(([key]) => parseEntryKey(key));
  }

  async get(seq: number, lane: Lane): Promise<HeldEntry | undefined> {
    const key = entryKey(seq, lane);
    const value = await this.#opened()
      .get(key)
      .catch((error: unknown) => {
        throw ioError(error);
      });
    return value && decodeEntry(key, value);
  }

  /** Gives the space of deleted packs in [from, to] back to the disk. */
  async compact(from: number, to: number): Promise<void> {
    await this.#compact(boundaryKey(from), boundaryKey(to + 1));
  }

  /** All bytes written so far: the log, and the tables that compactions wrote (LevelDB tells them in whole MB). */
  get writtenBytes(): number {
    return this.#logBytes + this.#closedTableBytes + (this.#db ? tableBytes(this.#db) : 0);
  }

  /** The same in whole pages of the log: what the card is written with. */
  get wornBytes(): number {
    return this.#wear.bytes + this.writtenBytes - this.#logBytes;
  }

  #log(bytes: number, sync: boolean): void {
    this.#logBytes += bytes;
    this.#wear.append(bytes, sync);
  }

  async #iterate(from: number, to: number, limit: number, values: boolean): Promise<[Buffer, Buffer][]> {
    const found: [Buffer, Buffer][] = [];
    const range = { gte: boundaryKey(from), lt: boundaryKey(to + 1), values, fillCache: false };
    try {
      const iterator = this.#opened().iterator(range);
      try {
        while (found.length < limit) {
          const next = await iterator.nextv(limit - found.length);
          if (next.length === 0) break;
          found.push(...next.filter(([key]) => !isCursorsKey(key)));
        }
      } finally {
        await iterator.close();
      }
    } catch (error) {
      throw ioError(error);
    }
    return found;
  }

  async #compact(from: Buffer, to: Buffer): Promise<void> {
    try {
      await this.#opened().compactRange(from, to);
    } catch (error) {
      throw ioError(error);
    }
  }

  async #batch(operations: Operation[], sync: boolean): Promise<void> {
    await this.#opened()
      .batch(operations, { sync })
      .catch((error: unknown) => {
        throw ioError(error);
      });
  }

  #opened(): LevelDb {
    if (!this.#db) throw new RetryableError('unavailable', 'the outbox has no open database');
    return this.#db;
  }
}

/** The last key holds them, always: this is a seek and no search. */
async function lastCursors(db: LevelDb): Promise<Cursors | undefined> {
  const [last] = await db.iterator({ reverse: true, limit: 1 }).all();
  if (!last) return undefined;
  if (!isCursorsKey(last[0])) throw new RangeError('the last key holds no cursors');
  return Cursors.decode(last[1]);
}

const makeClassicLevel: MakeLevelDb = (directory, options) => new ClassicLevel<Buffer, Buffer>(directory, options);

/** The column Write(MB) of LevelDB's own statistics. */
function tableBytes(db: LevelDb): number {
  if (db.status !== 'open') return 0;
  const lines = db.getProperty('leveldb.stats').split('\n').slice(3);
  return lines.reduce((sum, line) => sum + Number(line.trim().split(/\s+/)[5] ?? 0), 0) * 1024 * 1024;
}

function openError(error: unknown, directory: string): Error {
  const code = systemCode(error instanceof Error && error.cause ? error.cause : error);
  if (code === 'LEVEL_LOCKED') {
    return new FatalError('locked', `${directory} is in use by another process: stop that one first`, { cause: error });
  }
  const lacksFile = /no such file/i.test(messageOf(error instanceof Error && error.cause ? error.cause : error));
  if ((code === 'LEVEL_IO_ERROR' && !lacksFile) || systemCode(error)?.startsWith('E')) return ioError(error);
  return new FatalError('corrupt', `${directory} cannot be read: move it aside (a new epoch begins) and start again`, {
    cause: error,
  });
}

/** LevelDB tells the system's error in its text alone. */
function ioError(error: unknown): RetryableError {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const text = messageOf(cause);
  return /no space left|quota exceeded|ENOSPC|EDQUOT/i.test(text)
    ? new RetryableError('disk-full', `the disk of the outbox is full: ${text}`, { cause: error })
    : new RetryableError('unavailable', `the outbox cannot read or write: ${text}`, { cause: error });
}
