import type { HeldEntry } from './entry-codec.js';

/** The last committed packs, without a gap, so that live data goes to the wire without being read back. */
export class RecentPacks {
  #packs: HeldEntry[] = [];
  #bytes = 0;

  constructor(private readonly maxBytes: number) {}

  push(pack: HeldEntry): void {
    this.#packs.push(pack);
    this.#bytes += pack.payload.byteLength;
    let drop = 0;
    while (this.#bytes > this.maxBytes && drop < this.#packs.length) {
      this.#bytes -= this.#packs[drop++]!.payload.byteLength;
    }
    if (drop > 0) this.#packs.splice(0, drop);
  }

  /** Up to `limit` packs of [from, to]; undefined if `from` is older than what is kept. */
  read(from: number, to: number, limit: number): HeldEntry[] | undefined {
    const first = this.#packs[0]?.seq;
    if (first === undefined || from < first) return undefined;
    return this.#packs.slice(from - first, Math.min(to - first + 1, from - first + limit));
  }

  clear(): void {
    this.#packs = [];
    this.#bytes = 0;
  }
}
