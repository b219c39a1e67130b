import { RejectedError } from '#core/runtime/errors.js';
import { checkFirstSector } from '../disk/read-partition-table.js';
import type { ImageSource, ReadOptions } from '../source/image-source.js';
import { stretchBytes } from './stretch.js';

/** Takes an image, stretch after stretch. */
export interface ImageSink {
  /** Room for an image; absent: as much as it wants. */
  readonly maxBytes?: number;
  /** `bytes` are valid during the call only; all stretches but the last are whole. */
  take(index: number, bytes: Uint8Array): Promise<void>;
}

/**
 * Copies an image in stretches of one size, whatever its chunks are. What does not begin as a disk is refused at its first
 * stretch, not after gigabytes. Returns its size in bytes.
 */
export async function copyImage(source: ImageSource, sink: ImageSink, options: ReadOptions): Promise<number> {
  const { maxBytes = Infinity } = sink;
  const stretch = new Uint8Array(stretchBytes);
  let filled = 0;
  let index = 0;
  const take = async (whole: Uint8Array): Promise<void> => {
    if (index === 0) checkFirstSector(whole);
    await sink.take(index++, whole);
  };
  for await (const chunk of source.read(options)) {
    if (index * stretchBytes + filled + chunk.length > maxBytes) throw tooSmall(source, maxBytes);
    for (let at = 0; at < chunk.length;) {
      if (filled === 0 && chunk.length - at >= stretchBytes) {
        await take(chunk.subarray(at, at + stretchBytes));
        at += stretchBytes;
        continue;
      }
      const part = chunk.subarray(at, at + stretchBytes - filled);
      stretch.set(part, filled);
      filled += part.length;
      at += part.length;
      if (filled < stretchBytes) continue;
      await take(stretch);
      filled = 0;
    }
  }
  if (filled > 0) await sink.take(index, stretch.subarray(0, filled));
  return index * stretchBytes + filled;
}

export function tooSmall({ path, imageBytes }: ImageSource, maxBytes: number): RejectedError {
  return new RejectedError('too-large', `the card has ${maxBytes} bytes; ${path} needs ${imageBytes ?? 'more'}`);
}
