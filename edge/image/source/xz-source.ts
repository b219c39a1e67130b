import { closeSync, fstatSync, openSync } from 'node:fs';
import { Readable } from 'node:stream';
import xzDecompress from 'xz-decompress';
import { messageOf, RejectedError, systemCode } from '#core/runtime/errors.js';
import { rangeStream, type FileRange } from './file-range.js';
import type { ReadOptions } from './image-source.js';
import { readXzIndex } from './xz-index.js';
import { beyondOurDecoder } from './xz-needs.js';
import { hasXzProgram, unpackByProgram, unpackIntoByProgram } from './xz-program.js';

export interface XzFile {
  readonly imageBytes: number;
  /** Why only the program `xz` can unpack it. */
  readonly beyondOurs?: string;
  /** Whether the program, which is several times as fast, unpacks it. */
  readonly byProgram: boolean;
}

/** Throws RejectedError `corrupt` for a file that is cut short, without unpacking it. */
export async function inspectXz(path: string, fileBytes: number): Promise<XzFile> {
  const { imageBytes, beyondOurs } = readFacts(path, fileBytes);
  const byProgram = beyondOurs !== undefined || (await hasXzProgram());
  return { imageBytes, byProgram, ...(beyondOurs !== undefined && { beyondOurs }) };
}

function readFacts(path: string, fileBytes: number): Omit<XzFile, 'byProgram'> {
  const fd = openSync(path, 'r');
  try {
    const index = readXzIndex(fd, fileBytes);
    return { imageBytes: index.imageBytes, beyondOurs: beyondOurDecoder(fd, index) };
  } catch (error) {
    if (!(error instanceof RejectedError)) throw error;
    throw new RejectedError(error.code, `${path} is damaged: ${error.message}`, { cause: error });
  } finally {
    closeSync(fd);
  }
}

export function unpackXz(range: FileRange, file: XzFile, options: ReadOptions): AsyncIterable<Uint8Array> {
  return file.byProgram ? unpackByProgram(range, absentProgram(file), options) : byOurDecoder(range, options);
}

/** By the program alone, into an open and empty file. */
export async function unpackXzInto(range: FileRange, file: XzFile, fd: number, options: ReadOptions): Promise<void> {
  try {
    await unpackIntoByProgram(range, absentProgram(file), fd, options);
  } catch (error) {
    options.signal?.throwIfAborted();
    if (error instanceof RejectedError || systemCode(error) !== undefined) throw error;
    throw new RejectedError('corrupt', `${range.path} is damaged or cut short: ${messageOf(error)}`, { cause: error });
  }
  const { size } = fstatSync(fd);
  if (size === file.imageBytes) return;
  const what = `it unpacks to ${size} bytes, but says that it has ${file.imageBytes}`;
  throw new RejectedError('corrupt', `${range.path} is damaged: ${what}`);
}

function absentProgram({ beyondOurs }: XzFile): string {
  const why = beyondOurs === undefined ? 'was to be unpacked by' : `uses ${beyondOurs}, which needs`;
  return `${why} the program xz: install it (xz-utils) or unpack the file`;
}

/** Results of xz-embedded that a damaged file can have. */
const meanings: Readonly<Record<string, string>> = {
  '3': 'there is not enough memory',
  '4': 'it needs too much memory',
  '5': 'this is no xz',
  '6': 'it is packed in an unknown way',
  '7': 'its data do not match their checksum',
  '8': 'it ends too soon',
};

async function* byOurDecoder(range: FileRange, options: ReadOptions): AsyncIterable<Uint8Array> {
  const packed = rangeStream(range, options);
  try {
    // It must be read to its end or left by `return`: it holds a lock that all its kind share.
    yield* new xzDecompress.XzReadableStream(Readable.toWeb(packed) as ReadableStream<Uint8Array>);
  } catch (error) {
    const code = /error code (\d+)$/.exec(messageOf(error))?.[1];
    if (code === undefined) throw error;
    throw new Error(meanings[code] ?? messageOf(error), { cause: error });
  } finally {
    packed.destroy();
  }
}
