import { directoryBytes } from './directories.js';
import { type Change, LevelFile, type OpenLevel } from './level-file.js';
import { readRange } from './read-range.js';
import { offsetKey, readOffset } from './record-codec.js';
import type { Entry, ReadLimits, ReadResult, TopicStore } from './topic-store.js';

const cursorKey = Buffer.from('c');
const recordKey = (offset: number): Buffer => Buffer.concat([Buffer.from('o'), offsetKey(offset)]);
const indexKey = (key: string): Buffer => Buffer.from(`k${key}`);

/** A topic that keeps the newest record of each key: a write deletes the records that it replaces. */
export class CompactedStore implements TopicStore {
  readonly first = 0;
  next = 0;
  private readonly file: LevelFile;

  constructor(
    private readonly directory: string,
    openLevel: OpenLevel,
  ) {
    this.file = new LevelFile(directory, openLevel);
  }

  async open(): Promise<void> {
    const cursor = await this.file.use((level) => level.get(cursorKey));
    this.next = cursor ? readOffset(cursor) : 0;
  }

  async write(entries: readonly Entry[]): Promise<void> {
    const newest = new Map(entries.map((entry) => [entry.record.key, entry]));
    const replaced = await this.file.use((level) => level.getMany([...newest.keys()].map(indexKey)));
    const end = this.next + entries.length;
    const deletions = replaced.flatMap((old) => (old ? [{ key: recordKey(readOffset(old)) }] : []));
    const puts = [...newest.values()].flatMap(({ record, stored }): Change[] => [
      { key: recordKey(record.offset), value: stored },
      { key: indexKey(record.key), value: offsetKey(record.offset) },
    ]);
    // Deletions come first: after a write that failed but is there all the same, a record would replace itself.
    await this.file.write([...deletions, ...puts, { key: cursorKey, value: offsetKey(end) }]);
    this.next = end;
  }

  async read(from: number, limits: ReadLimits): Promise<ReadResult> {
    const end = this.next;
    const records = await this.file.use((level) => readRange(level, recordKey(from), recordKey(end), limits));
    const last = records.at(-1);
    return { records, next: last ? last.offset + 1 : end };
  }

  bytes(): Promise<number> {
    return directoryBytes(this.directory);
  }

  close(): Promise<void> {
    return this.file.close();
  }
}
