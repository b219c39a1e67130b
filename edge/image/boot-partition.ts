/** A file of the boot partition: path with `/`, relative to its root. */
export interface BootFile {
  readonly path: string;
  readonly bytes: Uint8Array;
  /** Of the bytes, hexadecimal, where it is known already. */
  readonly sha256?: string;
}

/** The FAT partition that firmware and first boot read. Names are compared without case, as FAT does. */
export interface BootPartition {
  /** undefined if there is no such file. */
  read(path: string): Uint8Array | undefined;
  /** Of a file, hexadecimal, without having all of it in memory; undefined if there is no such file. */
  sha256(path: string): string | undefined;
  /** Names in a folder, those of folders with a trailing `/`; empty if there is no such folder. */
  list(folder?: string): readonly string[];
  /** Makes folders as needed; a file that is there is replaced. Throws RejectedError `disk-full` before it writes anything. */
  write(file: BootFile): void;
  remove(path: string): void;
  freeBytes(): number;
}
