import { open, rename, rm, stat } from 'node:fs/promises';
import type { RandomBytes } from './random-bytes.js';

const chunkBytes = 64 * 1024;

/** Space set aside: freed when the disk is full, so that even then there is room to delete. */
export class ReserveFile {
  #present = false;

  constructor(
    readonly path: string,
    readonly bytes: number,
    private readonly random: RandomBytes,
  ) {}

  get present(): boolean {
    return this.#present;
  }

  /** Makes the file if it is not there in full size. Throws the system's error when there is no room; then it is not there. */
  async make(): Promise<void> {
    const size = await stat(this.path).then(
      (found) => found.size,
      () => -1,
    );
    if (size !== this.bytes) await this.#write();
    this.#present = true;
  }

  async free(): Promise<void> {
    this.#present = false;
    await rm(this.path, { force: true });
  }

  async #write(): Promise<void> {
    await this.free();
    const part = `${this.path}.part`;
    try {
      const file = await open(part, 'w', 0o600);
      try {
        // Random, because a file system that compresses would give zeros no space.
        const chunk = this.random(chunkBytes);
        for (let left = this.bytes; left > 0; left -= chunkBytes) {
          await file.appendFile(chunk.subarray(0, Math.min(left, chunkBytes)));
        }
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(part, this.path);
    } catch (error) {
      await rm(part, { force: true });
      throw error;
    }
  }
}
