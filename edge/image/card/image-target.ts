import type { ImageSink } from './copy-image.js';
import type { Blocks } from '../disk/blocks.js';

/** Where an image is written: a file that appears when it is whole, or a device that is written in place. */
export interface ImageTarget extends ImageSink {
  /** The path to read back from before it is finished. */
  readonly path: string;
  /** Bytes that were written until now. */
  writtenBytes(): number;
  /** After the last stretch: what was taken, to be read and edited. */
  edit(imageBytes: number): Promise<Blocks>;
  /** All that was written is on the medium afterwards. */
  sync(): Promise<void>;
  /** Hashes of the stretches as they were taken, if all of them have to be read back; the edit changes some. */
  readonly taken?: ReadonlyMap<number, string>;
  /** The last step: the image is what `out` holds from now on. */
  finish(): Promise<void>;
  /** Instead of `finish`: nothing that looks like a card is left. */
  discard(): Promise<void>;
}
