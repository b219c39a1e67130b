import type { BootPartition } from './boot-partition.js';
import type { Partition, PartitionTable } from './disk/partition-table.js';
import type { ImageSource } from './source/image-source.js';

/** A card, or the image of one, opened at its boot partition. */
export interface Card {
  readonly path: string;
  readonly table: PartitionTable;
  readonly partition: Partition;
  readonly boot: BootPartition;
  /** Sentences for a person: what was wrong and could be got around. */
  readonly warnings: readonly string[];
  /** Once; `boot` is of no use afterwards. Writes are synced. */
  close(): void;
}

export interface OpenCardOptions {
  /** The time that written files get; with none, the card is opened for reading only. */
  readonly timeMs?: number;
}

export type CardStep = 'copy' | 'edit' | 'sync' | 'hash' | 'verify';

/** `copy` counts bytes of the source's file, `hash` and `verify` bytes of the card. `totalBytes` is 0 where nothing is counted. */
export interface CardProgress {
  readonly step: CardStep;
  readonly doneBytes: number;
  readonly totalBytes: number;
}

/** A file of the boot partition by its hash (sha256, hexadecimal). */
export interface FileHash {
  readonly path: string;
  readonly sha256: string;
  readonly bytes: number;
}

export interface WriteImageOptions {
  readonly source: ImageSource;
  /** A file, which is written beside itself and renamed; or, with `device`, a device node, which is written in place. */
  readonly out: string;
  /**
   * `out` is a block device. Its first mebibyte is written last, so that a card whose writing broke off does not look like
   * one; everything is read back. That it is the right device, removable and not mounted, is for the caller to check.
   */
  readonly device?: boolean;
  /** A target that exists is replaced; otherwise it is refused. */
  readonly overwrite?: boolean;
  /** The time that written files get, so that the same inputs give the same bytes. */
  readonly timeMs: number;
  /** Writes to the boot partition. What it throws ends all, and nothing is left of the target. */
  readonly edit: (boot: BootPartition) => void | Promise<void>;
  /** Tell the hash of the whole file; a device has none. */
  readonly hash?: boolean;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: CardProgress) => void;
}

export interface WrittenImage {
  readonly path: string;
  readonly imageBytes: number;
  /** Bytes that were written for it: zeros are left out of a file. */
  readonly writtenBytes: number;
  /** Hexadecimal, of the whole file, if it was asked for. */
  readonly sha256?: string;
  /** Every file that `edit` wrote, as it was read back. */
  readonly files: readonly FileHash[];
  /** Where the bytes that were compared came from: `medium` passed by the system's cache (O_DIRECT), `cache` perhaps not. */
  readonly readBack: 'medium' | 'cache';
  readonly warnings: readonly string[];
}

export interface CardDifference {
  readonly path: string;
  readonly reason: 'missing' | 'differs';
}

export interface CardReport {
  readonly same: readonly string[];
  readonly different: readonly CardDifference[];
  readonly warnings: readonly string[];
}

/** Throws RejectedError `refused` (not a card of a Raspberry Pi; says what was found), `corrupt`, `unauthorised` or `unavailable`. */
export type OpenCard = (path: string, options?: OpenCardOptions) => Promise<Card>;

/**
 * Copies an image and edits its boot partition. On failure or abort no part of it is left: a partial file is removed, a
 * device keeps no partition table. Throws the signal's reason, what `edit` throws, or RejectedError: `refused`, `corrupt`,
 * `disk-full`, `too-large`, `unauthorised` (the system lets this user not), `unavailable` (the card was pulled out).
 */
export type WriteImage = (options: WriteImageOptions) => Promise<WrittenImage>;

/** Reads files of a card back and compares them. A deleted one, such as a secret after the first boot, is `missing`. */
export type VerifyCard = (path: string, files: readonly Pick<FileHash, 'path' | 'sha256'>[]) => Promise<CardReport>;
