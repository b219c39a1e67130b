import { open, type FileHandle } from 'node:fs/promises';
import { systemClock, type Clock } from '#core/runtime/clock.js';
import type { UnpackedImage } from '../card-types.js';
import { copyImage } from '../card/copy-image.js';
import { mapStretch, type MappedStretch } from '../card/image-map.js';
import { explaining } from '../card/naming.js';
import { stretchBytes } from '../card/stretch.js';
import { writeRuns } from '../card/write-runs.js';
import { checkFirstSector } from '../disk/read-partition-table.js';
import type { ImageSource, ReadOptions } from '../source/image-source.js';
import { bootEnd, headBytes } from './boot-end.js';

export interface UnpackOptions extends ReadOptions {
  readonly clock?: Clock;
}

/** An image that is being unpacked. */
export interface Unpacking {
  /** Resolves when the file opens as the image would, as far as its boot partition goes. */
  readonly boot: Promise<{ readonly imageBytes: number }>;
  readonly whole: Promise<UnpackedImage>;
}

/** As large as images get. */
const assumedBytes = 2 ** 36;
/** How long a program that writes is left alone. */
const pauseMs = 10;

/**
 * Unpacks an image into a new file, with holes for zeros, which is not made to last. Both promises reject with what reading the
 * image throws, and with RejectedError `disk-full` and the like.
 */
export function unpackImage(source: ImageSource, file: string, options: UnpackOptions = {}): Unpacking {
  let seen: (image: { imageBytes: number }) => void;
  const first = new Promise<{ imageBytes: number }>((resolve) => (seen = resolve));
  const whole = explaining(file, () => unpack(source, file, options, (image) => seen(image)));
  // Whoever waits for the boot partition is told of errors too; an image may also end before it was seen.
  const boot = Promise.race([first, whole]);
  for (const promise of [boot, whole]) promise.catch(() => undefined);
  return { boot, whole };
}

async function unpack(
  source: ImageSource,
  file: string,
  options: UnpackOptions,
  seen: (image: { imageBytes: number }) => void,
): Promise<UnpackedImage> {
  const handle = await open(file, 'wx+', 0o600);
  const map = new Map<number, MappedStretch>();
  const { imageBytes: saidBytes = assumedBytes } = source;
  let endBytes = headBytes;
  let isKnown = false;
  const take = async (index: number, bytes: Uint8Array): Promise<void> => {
    const mapped = mapStretch(bytes);
    if (mapped) map.set(index, mapped);
    if (mapped && !source.unpackInto) await writeRuns(handle, bytes, index * stretchBytes, mapped.runs);
    const doneBytes = index * stretchBytes + bytes.length;
    if (doneBytes < endBytes) return;
    if (!isKnown) endBytes = bootEnd(handle, source.path, saidBytes);
    isKnown = true;
    if (doneBytes < endBytes) return;
    endBytes = Infinity;
    seen({ imageBytes: saidBytes });
  };
  try {
    // A program tells by the size how far it is.
    if (!source.unpackInto) await handle.truncate(saidBytes);
    const imageBytes = await (source.unpackInto
      ? followed(source.unpackInto, handle, take, options)
      : copyImage(source, { take }, options));
    await handle.truncate(imageBytes);
    return { path: file, imageBytes, map };
  } finally {
    await handle.close();
  }
}

/** Looks at each stretch as soon as it was written by the program that unpacks, so that this is done when that is. */
async function followed(
  unpackInto: NonNullable<ImageSource['unpackInto']>,
  handle: FileHandle,
  take: (index: number, bytes: Uint8Array) => Promise<void>,
  { clock = systemClock, signal, onProgress }: UnpackOptions,
): Promise<number> {
  const leaving = new AbortController();
  const stop = signal ? AbortSignal.any([signal, leaving.signal]) : leaving.signal;
  const ended = new AbortController();
  const unpacking = unpackInto(handle.fd, { signal: stop, ...(onProgress && { onProgress }) });
  unpacking.then(
    () => ended.abort(),
    () => ended.abort(),
  );
  const stretch = Buffer.alloc(stretchBytes);
  try {
    for (let index = 0; ;) {
      const isWhole = ended.signal.aborted;
      const { size } = await handle.stat();
      const startBytes = index * stretchBytes;
      if (isWhole) await unpacking;
      if (isWhole && startBytes >= size) return size;
      if (!isWhole && size < startBytes + stretchBytes) {
        await clock.sleep(pauseMs, ended.signal);
        continue;
      }
      const { bytesRead } = await handle.read(stretch, 0, Math.min(stretchBytes, size - startBytes), startBytes);
      if (index === 0) checkFirstSector(stretch);
      await take(index++, stretch.subarray(0, bytesRead));
    }
  } finally {
    leaving.abort(new Error('its reader left'));
    await unpacking.catch(() => undefined);
  }
}
