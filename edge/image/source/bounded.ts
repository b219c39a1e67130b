import { messageOf, RejectedError, systemCode } from '#core/runtime/errors.js';

export interface Bounds {
  readonly path: string;
  readonly maxImageBytes: number;
  /** What the file says of itself. */
  readonly imageBytes?: number;
  readonly signal?: AbortSignal;
}

/**
 * An unpacked image that ends as its file says, and is no bomb. Errors of whatever unpacks it become RejectedError
 * `corrupt` with the file's name; those of the system's files stay what they are.
 */
export async function* boundedImage(chunks: AsyncIterable<Uint8Array>, bounds: Bounds): AsyncIterable<Uint8Array> {
  const { path, imageBytes, maxImageBytes, signal } = bounds;
  let count = 0;
  try {
    for await (const chunk of chunks) {
      signal?.throwIfAborted();
      count += chunk.length;
      if (count > maxImageBytes) throw tooLarge(path, count, maxImageBytes);
      if (chunk.length > 0) yield chunk;
    }
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof RejectedError || isSystemError(error)) throw error;
    throw new RejectedError('corrupt', `${path} is damaged or cut short: ${messageOf(error)}`, { cause: error });
  }
  if (count === (imageBytes ?? count)) return;
  throw new RejectedError(
    'corrupt',
    `${path} is damaged: it unpacks to ${count} bytes, but says that it has ${imageBytes}`,
  );
}

export function tooLarge(path: string, bytes: number, maxBytes: number): RejectedError {
  return new RejectedError(
    'too-large',
    `${path} unpacks to more than ${maxBytes} bytes (${bytes} and on): that is no card`,
  );
}

/** `ENOENT`, `EIO` and the like. What unpacks has codes of its own, such as `Z_DATA_ERROR`. */
function isSystemError(error: unknown): boolean {
  return /^E[A-Z0-9]+$/.test(systemCode(error) ?? '');
}
