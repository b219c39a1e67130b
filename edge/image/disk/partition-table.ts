/** One partition, its place checked against the disk and the other partitions. */
export interface Partition {
  /** As Linux counts: 1 to 4 primary, from 5 on logical; in a GPT the entry's place. */
  readonly number: number;
  readonly kind: 'primary' | 'logical' | 'gpt';
  /** MBR: `0x0c`; GPT: the type's GUID, lower case. */
  readonly type: string;
  /** Whether its type says that it may hold a FAT. */
  readonly fat: boolean;
  /** Of a GPT. */
  readonly name?: string;
  readonly startBytes: number;
  readonly sizeBytes: number;
}

export interface PartitionTable {
  readonly scheme: 'mbr' | 'gpt';
  readonly partitions: readonly Partition[];
  /** What was wrong and could be got around, such as a damaged first GPT; whole sentences. */
  readonly warnings: readonly string[];
}
