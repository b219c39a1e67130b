import { open } from 'node:fs/promises';
import { dataRuns, writeRuns } from '../card/write-runs.js';
import { bootEnd, headBytes } from './boot-end.js';
import { rangeChunks, type FileRange } from '../source/file-range.js';
import type { ImageSource, ReadOptions } from '../source/image-source.js';

/** As large as images get; the file is sparse. */
const assumedBytes = 2 ** 36;

export interface PeekedImage {
  /** The image as ever; its first reading goes on where the peek stopped, so that nothing is unpacked twice. */
  readonly source: ImageSource;
  /** Ends a reading that was not gone on with. */
  close(): Promise<void>;
}

/**
 * Unpacks the beginning of an image, to the end of its boot partition, into a new file, which then opens as the image would
 * for reading, and stays until the image was read. Throws what reading the image does, and RejectedError for what has no
 * partition table.
 */
export async function peekBoot(source: ImageSource, file: string, options: ReadOptions = {}): Promise<PeekedImage> {
  const listeners = new Set<ReadOptions['onProgress']>([options.onProgress]);
  const onProgress: ReadOptions['onProgress'] = (progress) => listeners.forEach((listen) => listen?.(progress));
  const chunks = source.read({ ...options, onProgress })[Symbol.asyncIterator]();
  const close = async (): Promise<void> => void (await chunks.return?.());
  try {
    const peekedBytes = await unpackBoot(chunks, source, file);
    let isFresh = source.mayRest;
    if (!isFresh) await close();
    const read: ImageSource['read'] = (reading = {}) => {
      if (!isFresh) return source.read(reading);
      isFresh = false;
      listeners.clear();
      listeners.add(reading.onProgress);
      return goOn({ path: file, startBytes: 0, endBytes: peekedBytes }, chunks, reading.signal);
    };
    return { source: { ...source, read }, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function* goOn(
  peeked: FileRange,
  chunks: AsyncIterator<Uint8Array>,
  signal: AbortSignal | undefined,
): AsyncIterable<Uint8Array> {
  try {
    yield* rangeChunks(peeked, { ...(signal && { signal }) });
    for (let next = await chunks.next(); !next.done; next = await chunks.next()) {
      signal?.throwIfAborted();
      yield next.value;
    }
  } finally {
    await chunks.return?.();
  }
}

/** Returns how much was unpacked. */
async function unpackBoot(chunks: AsyncIterator<Uint8Array>, source: ImageSource, file: string): Promise<number> {
  const handle = await open(file, 'wx+', 0o600);
  let doneBytes = 0;
  let endBytes = headBytes;
  let isKnown = false;
  try {
    await handle.truncate(source.imageBytes ?? assumedBytes);
    while (!isKnown || doneBytes < endBytes) {
      const next = await chunks.next();
      if (next.done) break;
      await writeRuns(handle, next.value, doneBytes, dataRuns(next.value));
      doneBytes += next.value.length;
      if (doneBytes >= endBytes && !isKnown) {
        endBytes = bootEnd(handle, source.path, source.imageBytes ?? assumedBytes);
        isKnown = true;
      }
    }
    return doneBytes;
  } finally {
    await handle.close();
  }
}
