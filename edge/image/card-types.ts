import type { BootPartition } from './boot-partition.js';
import type { ImageMap } from './card/image-map.js';
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
  /** What the image will have, of a file that is still being written; what is not there yet is read as zeros. */
  readonly imageBytes?: number;
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

/** An image that lies in a file of ours: of it only what is not zero is read. */
export interface UnpackedImage {
  readonly path: string;
  readonly imageBytes: number;
  readonly map: ImageMap;
  /** It lies beside `out` and nobody else needs it: the file itself becomes the image. */
  readonly mayTake?: boolean;
  /** What `prepare` would write was written into it already, and where. */
  readonly prepared?: { readonly files: readonly FileHash[]; readonly marked: ReadonlySet<number> };
}

export type EditBoot = (boot: BootPartition) => void | Promise<void>;

export interface WriteImageOptions {
  readonly source: ImageSource;
  /** The same image, if it was unpacked before; for a file only. */
  readonly unpacked?: UnpackedImage;
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
  /** Writes what all cards of an image have in common, before `edit`. */
  readonly prepare?: EditBoot;
  /** Writes to the boot partition. What it throws ends all, and nothing is left of the target. */
  readonly edit: EditBoot;
  /** Tell the SHA-256 of the whole file too; a device has none. */
  readonly sha256?: boolean;
  /** The last moment before the image appears under its name. What it throws ends all. */
  readonly beforeFinish?: (written: WrittenImage) => Promise<void>;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: CardProgress) => void;
}

export interface WrittenImage {
  readonly path: string;
  readonly imageBytes: number;
  /** Bytes that were written for it: zeros are left out of a file. */
  readonly writtenBytes: number;
  /** Of the whole file, as `fsverity digest` tells it (`sha256:…`); a device has none. */
  readonly fsverity?: string;
  /** Of the whole file, hexadecimal, if it was asked for. */
  readonly sha256?: string;
  /** Every file that `prepare` and `edit` wrote, as it was read back. */
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
