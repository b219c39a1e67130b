import type { Entry, ReadLimits } from './topic-store.js';
import type { StoredRecord } from '../log.js';

/**
 * The newest records of a topic, up to some bytes: readers that keep up need not ask the disk, and see each record of a
 * compacted topic even if a newer one of its key follows at once.
 */
export class Recent {
  private entries: Entry[] = [];
  private begin = 0;
  private bytes = 0;

  constructor(private readonly maxBytes: number) {}

  push(entries: readonly Entry[]): void {
    for (const entry of entries) {
      this.entries.push(entry);
      this.bytes += entry.stored.length;
    }
    while (this.bytes > this.maxBytes && this.begin < this.entries.length) {
      this.bytes -= this.entries[this.begin]!.stored.length;
      this.begin += 1;
    }
    // Not at each push: moving the rest down costs as much as there is of it.
    if (this.begin > 1024 || this.begin === this.entries.length) {
      this.entries = this.entries.slice(this.begin);
      this.begin = 0;
    }
  }

  /** The records from `from` on, or undefined if that one is not here. */
  read(from: number, limits: ReadLimits): StoredRecord[] | undefined {
    const oldest = this.entries[this.begin]?.record.offset;
    if (oldest === undefined || from < oldest) return undefined;
    const records: StoredRecord[] = [];
    let bytes = 0;
    for (let i = this.begin + from - oldest; i < this.entries.length; i += 1) {
      const { record, stored } = this.entries[i]!;
      records.push(record);
      bytes += stored.length;
      if (bytes >= limits.maxBytes || records.length >= limits.maxRecords) break;
    }
    return records;
  }
}
