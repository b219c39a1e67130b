import { join } from 'node:path';
import type { Clock } from '../../runtime/clock.js';
import { makeDirectory, removeDirectory, sweepTrash } from './directories.js';
import { diskError } from './disk-error.js';
import { expiredCount } from './expired-count.js';
import type { OpenLevel } from './level-file.js';
import { Mutex } from '../../runtime/mutex.js';
import { readRange } from './read-range.js';
import { offsetKey } from './record-codec.js';
import { isSliceName, Slice, sliceName } from './slice.js';
import type { Entry, ReadLimits, ReadResult, TopicStore } from './topic-store.js';

export interface SlicedStoreOptions {
  readonly directory: string;
  readonly openLevel: OpenLevel;
  readonly clock: Clock;
  /** A slice takes records for this long. */
  readonly sliceMs: number;
  /** A slice takes about this many bytes of records. */
  readonly maxSliceBytes: number;
}

/** A slice that still takes records is given up only if it has as many. */
const worthwhileBytes = 1_048_576;

const maxOpenForReading = 3;

/** The offsets of a slice that went. */
export interface OffsetRange {
  readonly first: number;
  /** Exclusive. */
  readonly end: number;
}

/**
 * A topic in slices of time: each is a LevelDB directory, so that old records go by removing a directory.
 * Where the log begins and ends is in the names of the directories and in the last key of the newest.
 */
export class SlicedStore implements TopicStore {
  next = 0;
  private slices: Slice[] = [];
  private activeBytes = 0;
  private lastUs = 0;
  // A slice begins at the offset behind the last write, so no write may be under way when one is begun.
  private readonly writing = new Mutex();

  constructor(private readonly options: SlicedStoreOptions) {}

  get first(): number {
    return this.slices[0]?.first ?? this.next;
  }

  async open(): Promise<void> {
    const names = await sweepTrash(this.options.directory);
    this.slices = names
      .filter(isSliceName)
      .sort()
      .map((name) => this.slice(name));
    const active = this.slices.at(-1);
    if (!active) return;
    const last = await active.last();
    this.next = last ? last.offset + 1 : active.first;
    this.lastUs = last?.appendedUs ?? active.createdUs;
    this.activeBytes = await active.bytes();
  }

  write(entries: readonly Entry[], nowUs: number): Promise<void> {
    return this.writing.run(async () => {
      const active = this.isDue(nowUs) ? await this.begin(nowUs) : this.slices.at(-1)!;
      await active.file.write(entries.map(({ record, stored }) => ({ key: offsetKey(record.offset), value: stored })));
      active.usedMs = this.options.clock.monotonicMs();
      this.next += entries.length;
      this.lastUs = nowUs;
      for (const { stored } of entries) this.activeBytes += stored.length;
    });
  }

  async read(from: number, limits: ReadLimits): Promise<ReadResult> {
    const index = this.slices.findLastIndex(({ first }) => first <= from);
    const slice = this.slices[index];
    const end = this.slices[index + 1]?.first ?? this.next;
    if (!slice || from >= end) return { records: [], next: end };
    if (!slice.file.isOpen) this.closeSurplus();
    slice.usedMs = this.options.clock.monotonicMs();
    const records = await slice.file.use((level) => readRange(level, offsetKey(from), offsetKey(end), limits));
    const last = records.at(-1);
    return { records, next: last ? last.offset + 1 : end };
  }

  /** Removes the slices whose records are all older than `keepUs`; resolves with what went. */
  async expire(nowUs: number, keepUs: number): Promise<OffsetRange[]> {
    // An idle topic begins no slice by itself, and its last records would stay for ever.
    await this.writing.run(async () => {
      if (this.slices.length > 0 && this.isOld(nowUs)) await this.begin(this.lastUs);
    });
    const stampsUs = this.slices.map(({ createdUs }) => createdUs);
    const gone: OffsetRange[] = [];
    for (let left = expiredCount(stampsUs, nowUs - keepUs, nowUs); left > 0; left -= 1) gone.push(await this.drop());
    return gone;
  }

  /** When the oldest slice was begun, if all its records are below `offset` and removing it gives much back. */
  oldestBelow(offset: number): number | undefined {
    if (this.slices.length === 1 && this.activeBytes < worthwhileBytes) return undefined;
    const end = this.slices[1]?.first ?? this.next;
    return this.first < end && end <= offset ? this.slices[0]?.createdUs : undefined;
  }

  /** Removes the oldest slice, even if it is the one that takes records; resolves with its bytes on disk. */
  async dropOldest(nowUs: number): Promise<number> {
    await this.writing.run(async () => {
      if (this.slices.length === 1) await this.begin(nowUs);
    });
    const bytes = (await this.slices[0]?.bytes()) ?? 0;
    await this.drop();
    return bytes;
  }

  async bytes(): Promise<number> {
    const sizes = await Promise.all(this.slices.map((slice) => slice.bytes()));
    return sizes.reduce((sum, bytes) => sum + bytes, 0);
  }

  async closeIdle(sinceMs: number): Promise<void> {
    for (const slice of this.slices.slice(0, -1)) await slice.closeIdle(sinceMs);
  }

  /** LevelDB maps its files into memory: who reads much of the past shall not hold all of it there. */
  private closeSurplus(): void {
    const open = this.slices.slice(0, -1).filter(({ file }) => file.isOpen);
    open.sort((a, b) => b.usedMs - a.usedMs);
    for (const slice of open.slice(maxOpenForReading - 1)) void slice.close();
  }

  async close(): Promise<void> {
    await this.writing.run(() => Promise.all(this.slices.map((slice) => slice.close())));
  }

  private isDue(nowUs: number): boolean {
    return this.slices.length === 0 || this.isOld(nowUs) || this.activeBytes >= this.options.maxSliceBytes;
  }

  private isOld(nowUs: number): boolean {
    return nowUs - (this.slices.at(-1)?.createdUs ?? nowUs) >= this.options.sliceMs * 1000;
  }

  private async begin(nowUs: number): Promise<Slice> {
    const active = this.slices.at(-1);
    // A second directory for the same offset would say nothing: one that took no record yet goes on.
    if (active?.first === this.next) return active;
    const slice = this.slice(sliceName(this.next, nowUs));
    await makeDirectory(slice.path).catch(async (error: unknown) => {
      throw await diskError(slice.path, error);
    });
    this.slices.push(slice);
    this.activeBytes = 0;
    this.closeSurplus();
    return slice;
  }

  private async drop(): Promise<OffsetRange> {
    const slice = this.slices.shift()!;
    const range = { first: slice.first, end: this.first };
    await slice.close();
    await removeDirectory(slice.path);
    return range;
  }

  private slice(name: string): Slice {
    return new Slice(join(this.options.directory, name), this.options.openLevel);
  }
}
