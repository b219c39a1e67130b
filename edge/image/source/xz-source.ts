import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { Readable } from 'node:stream';
import xzDecompress from 'xz-decompress';
import { messageOf, RejectedError, systemCode } from '#core/runtime/errors.js';
import { rangeStream, type FileRange } from './file-range.js';
import type { ReadOptions } from './image-source.js';
import { readXzIndex } from './xz-index.js';
import { beyondOurDecoder } from './xz-needs.js';

export interface XzFile {
  readonly imageBytes: number;
  /** Why only the program `xz` can unpack it. */
  readonly beyondOurs?: string;
}

/** Throws RejectedError `corrupt` for a file that is cut short, without unpacking it. */
export function inspectXz(path: string, fileBytes: number): XzFile {
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

export function unpackXz(range: FileRange, { beyondOurs }: XzFile, options: ReadOptions): AsyncIterable<Uint8Array> {
  return beyondOurs === undefined ? byOurDecoder(range, options) : byProgram(range, beyondOurs, options);
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

/** The program of the system, fed by us so that progress is counted alike. */
async function* byProgram(range: FileRange, why: string, options: ReadOptions): AsyncIterable<Uint8Array> {
  const xz = spawn('xz', ['--decompress', '--stdout'], { stdio: ['pipe', 'pipe', 'pipe'] });
  const ended = new Promise<void>((resolve, reject) => {
    const complaints: Buffer[] = [];
    xz.stderr.on('data', (chunk: Buffer) => complaints.length < 16 && complaints.push(chunk));
    xz.on('error', (error) => reject(systemCode(error) === 'ENOENT' ? needsProgram(range.path, why) : error));
    xz.on('close', (code) => (code === 0 ? resolve() : reject(new Error(Buffer.concat(complaints).toString().trim()))));
  });
  ended.catch(() => undefined);
  const packed = rangeStream(range, options);
  // If the program ends early, its exit tells why.
  xz.stdin.on('error', () => packed.destroy());
  packed.on('error', () => xz.kill()).pipe(xz.stdin);
  try {
    yield* xz.stdout;
    await ended;
  } finally {
    packed.destroy();
    xz.kill();
  }
}

function needsProgram(path: string, why: string): RejectedError {
  return new RejectedError(
    'refused',
    `${path} uses ${why}, which needs the program xz: install it (xz-utils) or unpack the file`,
  );
}
