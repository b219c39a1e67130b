import { open, stat } from 'node:fs/promises';
import { RejectedError, systemCode } from '#core/runtime/errors.js';
import { boundedImage, tooLarge } from './bounded.js';
import { rangeChunks, type FileRange } from './file-range.js';
import { hashFile } from './hash-file.js';
import { imageFormatOf } from './image-format.js';
import type { ImageFormat, ImageSource, OpenImageOptions, ReadOptions } from './image-source.js';
import { unpackGz, unpackMember } from './inflate.js';
import { inspectXz, unpackXz, unpackXzInto } from './xz-source.js';
import { inspectZip } from './zip-source.js';

/** How a format is read, once its file has been looked at. */
interface Opened {
  readonly imageBytes?: number;
  readonly mayRest?: boolean;
  unpack(options: ReadOptions): AsyncIterable<Uint8Array>;
  readonly unpackInto?: ImageSource['unpackInto'];
}

const openers: Readonly<Record<ImageFormat, (whole: FileRange, member?: string) => Promise<Opened> | Opened>> = {
  img: (whole) => ({ imageBytes: whole.endBytes, unpack: (options) => rangeChunks(whole, options) }),
  gz: (whole) => ({ unpack: (options) => unpackGz(whole, options) }),
  xz: async (whole) => {
    const file = await inspectXz(whole.path, whole.endBytes);
    const unpack = (options: ReadOptions) => unpackXz(whole, file, options);
    // Our decoder is one for all of a process.
    const into = (fd: number, options: ReadOptions = {}) => unpackXzInto(whole, file, fd, options);
    const { imageBytes, byProgram } = file;
    return { imageBytes, mayRest: byProgram, unpack, ...(byProgram && { unpackInto: into }) };
  },
  zip: async ({ path }, wanted) => {
    const member = await inspectZip(path, wanted);
    return { imageBytes: member.imageBytes, unpack: (options) => unpackMember(member.range, member, options) };
  },
};

const defaultMaxImageBytes = 256 * 2 ** 30;

/**
 * Opens a file that holds the image of a card, however it is packed; its name does not matter. What can be found out without
 * unpacking it is found out now. Throws RejectedError: `refused` (what it is not), `corrupt` (what is damaged), `too-large`.
 */
export async function openImage(path: string, options: OpenImageOptions = {}): Promise<ImageSource> {
  const { sha256, member, maxImageBytes = defaultMaxImageBytes, signal } = options;
  const whole = await wholeFile(path);
  const format = imageFormatOf(path, await headOf(path));
  if (sha256 !== undefined) await checkHash(path, sha256, signal);
  const opened = await openers[format](whole, member);
  const { imageBytes, mayRest = true } = opened;
  if (imageBytes !== undefined && imageBytes > maxImageBytes) throw tooLarge(path, imageBytes, maxImageBytes);
  return {
    path,
    format,
    fileBytes: whole.endBytes,
    imageBytes,
    mayRest,
    ...(opened.unpackInto && { unpackInto: opened.unpackInto }),
    read: (read = {}) => boundedImage(opened.unpack(read), { path, maxImageBytes, imageBytes, signal: read.signal }),
  };
}

async function wholeFile(path: string): Promise<FileRange> {
  const info = await stat(path).catch((error: unknown) => {
    if (systemCode(error) !== 'ENOENT') throw error;
    throw new RejectedError('refused', `there is no file ${path}`, { cause: error });
  });
  if (!info.isFile()) throw new RejectedError('refused', `${path} is not a file`);
  return { path, startBytes: 0, endBytes: info.size };
}

async function headOf(path: string): Promise<Uint8Array> {
  const file = await open(path);
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(512), 0, 512, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

async function checkHash(path: string, expected: string, signal: AbortSignal | undefined): Promise<void> {
  const actual = await hashFile(path, { signal });
  if (actual === expected.toLowerCase()) return;
  throw new RejectedError(
    'corrupt',
    `${path} has the sha256 ${actual}, not ${expected}: it was not downloaded as it is meant to be`,
  );
}
