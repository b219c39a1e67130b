/** What the makers of packs must know of the device's clock. Every method may be called at any time, and costs little. */
export interface Timeline {
  /** The boot that stamps count from while the time is not known; undefined once it is, and then for good. */
  readonly unsyncedBoot: string | undefined;

  /**
   * The stamp that a reading is to have. Once the time is known, one that was stamped before gets its true time: a sensor
   * may hand out late what it measured early. All others stay as they are.
   */
  stamp(timeUs: number): number;

  /** A pack of this number carries stamps of the unsynced boot. */
  noteUnsynced(seq: number): void;

  /**
   * Calls back when the clock was set by more than a second: `byUs` forward, or back if it is negative. That the time
   * `becameKnown` is such a step, from the stamps of the boot. Until the returned function is called.
   */
  onStep(listener: (byUs: number, becameKnown: boolean) => void): () => void;
}
