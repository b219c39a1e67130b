import { join } from 'node:path';
import type { RandomBytes } from './random-bytes.js';
import { ReserveFile } from './reserve-file.js';

/**
 * The reserve of an outbox, in two files. A compaction that runs into the end of the disk leaves it filled with tables
 * that only the next open removes, and opening needs some room itself: the door is kept for that alone.
 */
export class DiskReserve {
  readonly bytes: number;
  readonly #door: ReserveFile;
  readonly #main: ReserveFile;

  constructor(directory: string, bytes: number, doorBytes: number, random: RandomBytes) {
    this.bytes = bytes;
    this.#door = new ReserveFile(join(directory, 'reserve-door'), doorBytes, random);
    this.#main = new ReserveFile(join(directory, 'reserve'), bytes - doorBytes, random);
  }

  /** Whether all of it is set aside. */
  get present(): boolean {
    return this.#door.present && this.#main.present;
  }

  /** Throws the system's error when there is no room. */
  async make(): Promise<void> {
    await this.#door.make();
    await this.#main.make();
  }

  async freeDoor(): Promise<void> {
    await this.#door.free();
  }

  /** Frees the larger part and sets the door aside again before anything else takes its place. */
  async freeAllButDoor(): Promise<void> {
    await this.#main.free();
    await this.#door.make().catch(() => undefined);
  }

  async free(): Promise<void> {
    await this.#door.free();
    await this.#main.free();
  }
}
