const pageBytes = 4096;
const dayMs = 86_400_000;

/**
 * What synced writes cost a card: each puts every page on disk that it touched, a few bytes or not. The file system's
 * journal comes on top (ext4 writes some 8 to 16 KiB for a file that grew), and what the card itself moves about.
 */
export class CardWear {
  #end = 0;
  #syncedTo = 0;
  #bytes = 0;

  /** Bytes were appended to the log; `sync`: and put on disk. */
  append(bytes: number, sync: boolean): void {
    this.#end += bytes;
    if (!sync || this.#end === this.#syncedTo) return;
    const [first, last] = [Math.floor(this.#syncedTo / pageBytes), Math.floor((this.#end - 1) / pageBytes)];
    this.#bytes += (last - first + 1) * pageBytes;
    this.#syncedTo = this.#end;
  }

  /** Whole pages of the log that were put on disk so far, in bytes. */
  get bytes(): number {
    return this.#bytes;
  }
}

/**
 * Days until `enduranceBytes` are written, at the mean rate of the `elapsedMs` in which `writtenBytes` were; Infinity
 * as long as nothing was written.
 */
export function cardLifetimeDays(enduranceBytes: number, writtenBytes: number, elapsedMs: number): number {
  return writtenBytes === 0 ? Infinity : (enduranceBytes / writtenBytes) * (elapsedMs / dayMs);
}
