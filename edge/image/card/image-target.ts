import type { Blocks } from '../disk/blocks.js';
import type { Run } from './write-runs.js';

/** Where an image is written: a file that appears when it is whole, or a device that is written in place. */
export interface ImageTarget {
  /** The path to read back from before it is finished. */
  readonly path: string;
  /** Room for an image; absent: as much as it wants. */
  readonly maxBytes?: number;
  /** Whether all of it has to be read back; else what the edit changed. */
  readonly readsAllBack: boolean;
  /** `bytes` are valid during the call only; outside of the runs they are zero, or may be anything. */
  take(index: number, bytes: Uint8Array, runs: readonly Run[]): Promise<void>;
  /** Bytes that were written until now. */
  writtenBytes(): number;
  /** After the last stretch: what was taken, to be read and edited. */
  edit(imageBytes: number): Promise<Blocks>;
  /** All that was written is on the medium afterwards. */
  sync(): Promise<void>;
  /** The last step: the image is what `out` holds from now on. */
  finish(): Promise<void>;
  /** Instead of `finish`: nothing that looks like a card is left. */
  discard(): Promise<void>;
}
