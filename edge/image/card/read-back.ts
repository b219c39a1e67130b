import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { RejectedError, systemCode } from '#core/runtime/errors.js';
import { sectorBytes } from '../disk/sector.js';
import { hashesOf } from './file-digest.js';
import { sizeOfStretch, stretchBytes } from './stretch.js';

const wasmPageBytes = 64 * 1024;

export interface ReadBackOptions {
  readonly path: string;
  /** The card may be larger. */
  readonly imageBytes: number;
  /** Hashes of stretches as they have to be, by their index. */
  readonly expected: ReadonlyMap<number, Buffer>;
  readonly signal?: AbortSignal;
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
}

/**
 * Reads stretches back and compares them, past the system's cache where that is possible: what comes from the cache proves
 * nothing about a worn card. Says where they came from. Throws RejectedError `corrupt` at the first difference.
 */
export async function readBack(options: ReadBackOptions): Promise<'medium' | 'cache'> {
  const direct = await openDirect(options.path);
  try {
    if (direct !== undefined && (await compare(direct, options))) return 'medium';
  } finally {
    await direct?.close();
  }
  const plain = await open(options.path);
  try {
    await compare(plain, options);
    return 'cache';
  } finally {
    await plain.close();
  }
}

async function openDirect(path: string): Promise<FileHandle | undefined> {
  // Only Linux has it, and there not every file system.
  if (!constants.O_DIRECT) return undefined;
  return open(path, constants.O_RDONLY | constants.O_DIRECT).catch((error: unknown) => {
    if (systemCode(error) !== 'EINVAL') throw error;
    return undefined;
  });
}

/** false: this file cannot be read in this way. */
async function compare(file: FileHandle, options: ReadBackOptions): Promise<boolean> {
  const { path, imageBytes, expected, signal, onProgress } = options;
  // O_DIRECT wants memory that begins with a page, as WebAssembly's does and no Buffer's.
  const memory = new WebAssembly.Memory({ initial: stretchBytes / wasmPageBytes });
  const bytes = new Uint8Array(memory.buffer);
  let done = 0;
  for (const index of [...expected.keys()].sort((a, b) => a - b)) {
    signal?.throwIfAborted();
    const wanted = sizeOfStretch(index, imageBytes);
    if (!(await readStretch(file, bytes, index, wanted))) return false;
    if (!hashesOf(bytes.subarray(0, wanted)).equals(expected.get(index)!)) throw worn(path, index, wanted);
    onProgress?.((done += wanted), expected.size * stretchBytes);
  }
  return true;
}

/** What is read past the cache begins and ends with a sector. */
async function readStretch(file: FileHandle, into: Uint8Array, index: number, wanted: number): Promise<boolean> {
  const length = Math.ceil(wanted / sectorBytes) * sectorBytes;
  try {
    for (let filled = 0; filled < wanted;) {
      const { bytesRead } = await file.read(into, filled, length - filled, index * stretchBytes + filled);
      if (bytesRead === 0) throw new RejectedError('corrupt', `it ends at byte ${index * stretchBytes + filled}`);
      filled += bytesRead;
    }
    return true;
  } catch (error) {
    if (systemCode(error) === 'EINVAL') return false;
    throw error;
  }
}

function worn(path: string, index: number, count: number): RejectedError {
  const start = index * stretchBytes;
  const what = `${path}: bytes ${start} to ${start + count} read back otherwise than they were written`;
  return new RejectedError('corrupt', `${what}: the card may be worn or counterfeit`);
}
