import type { Transform } from 'node:stream';
import { createGunzip, createInflateRaw } from 'node:zlib';
import { crc32 } from '#core/runtime/crc32.js';
import { rangeChunks, rangeStream, type FileRange } from './file-range.js';
import type { ReadOptions } from './image-source.js';

const chunkSize = 256 * 1024;

/** gzip checks length and checksum itself, and takes several members one after the other. */
export function unpackGz(range: FileRange, options: ReadOptions): AsyncIterable<Uint8Array> {
  return through(range, createGunzip({ chunkSize }), options);
}

/** A member of a zip, deflated or as it is; the zip's directory holds its checksum. */
export async function* unpackMember(
  range: FileRange,
  { isDeflated, crc }: { readonly isDeflated: boolean; readonly crc: number },
  options: ReadOptions,
): AsyncIterable<Uint8Array> {
  const chunks = isDeflated ? through(range, createInflateRaw({ chunkSize }), options) : rangeChunks(range, options);
  let sum = 0;
  for await (const chunk of chunks) {
    sum = crc32(chunk, sum);
    yield chunk;
  }
  if (sum !== crc) throw new Error('its data do not match their checksum');
}

async function* through(range: FileRange, unpack: Transform, options: ReadOptions): AsyncIterable<Uint8Array> {
  const packed = rangeStream(range, options);
  packed.on('error', (error) => unpack.destroy(error));
  packed.pipe(unpack);
  try {
    yield* unpack as AsyncIterable<Buffer>;
  } finally {
    packed.destroy();
    unpack.destroy();
  }
}
