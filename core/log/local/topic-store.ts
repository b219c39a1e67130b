import type { StoredRecord } from '../log.js';

/** A record with the form in which it is stored. */
export interface Entry {
  readonly record: StoredRecord;
  readonly stored: Buffer;
}

export interface ReadLimits {
  readonly maxRecords: number;
  /** Of the stored form; the record that exceeds it is the last one. */
  readonly maxBytes: number;
}

export interface ReadResult {
  readonly records: StoredRecord[];
  /** Where to read on: behind the last record, or behind a gap. */
  readonly next: number;
}

/**
 * The records of one topic on disk. One writer; readers may come at any time.
 * Every method throws as `LevelFile` does; after a RetryableError the same call may be made again.
 */
export interface TopicStore {
  /** The oldest offset that may be asked for: what was before it is gone. */
  readonly first: number;
  /** The offset of the next record. Known after `open`. */
  readonly next: number;

  open(): Promise<void>;
  /** Makes the entries durable; they begin at `next`. */
  write(entries: readonly Entry[], nowUs: number): Promise<void>;
  /** Reads from `from` or the first record behind it; `first <= from <= next`. */
  read(from: number, limits: ReadLimits): Promise<ReadResult>;
  /** Bytes on disk. */
  bytes(): Promise<number>;
  close(): Promise<void>;
}
