import type { Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { extract } from 'tar-stream';
import xzDecompress from 'xz-decompress';
import { FatalError, messageOf } from '#core/runtime/errors.js';
import { isElf } from './elf.js';

/** A Node, as someone handed it in. */
export interface RuntimeFile {
  /** `bin/node` as it was. */
  readonly node: Uint8Array;
  /** undefined where only the binary was given. */
  readonly licence: Uint8Array | undefined;
}

/** Larger ones are no Node. */
const maxNodeBytes = 512 * 1024 ** 2;
const licencePaths = /^(?:[^/]+\/)?LICENSE$/;
const nodePaths = /^(?:\.\/)?(?:[^/]+\/)?bin\/node$/;

/**
 * Reads a Node binary, or the archive of one as nodejs.org (.tar.xz, .tar.gz) and npm (.tgz) have it: `bin/node`, at the top
 * or in one folder. Throws FatalError `bad-config`.
 */
export async function readRuntimeFile(bytes: Uint8Array, name: string): Promise<RuntimeFile> {
  if (isElf(bytes)) return { node: bytes, licence: undefined };
  const unpacked = unpackerOf(bytes, name);
  try {
    const found = await nodeInTar(unpacked(bytes));
    if (found) return found;
  } catch (cause) {
    throw new FatalError('bad-config', `cannot unpack ${name}: ${messageOf(cause)}`, { cause });
  }
  throw new FatalError('bad-config', `${name} has no bin/node in it; take an archive of nodejs.org, or the binary`);
}

type Unpacker = (bytes: Uint8Array) => AsyncIterable<Uint8Array>;

function unpackerOf(bytes: Uint8Array, name: string): Unpacker {
  const magic = Buffer.from(bytes.subarray(0, 6)).toString('latin1');
  if (magic.startsWith('\x1f\x8b')) return gunzip;
  if (magic === '\xfd7zXZ\0') return unxz;
  throw new FatalError('bad-config', `${name} is neither a program for Linux nor a .tar.xz, .tar.gz or .tgz`);
}

function gunzip(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  const stream = createGunzip();
  stream.end(bytes);
  return stream;
}

/** One of them at a time decodes in this process: the next waits until it is read or cancelled. */
async function* unxz(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  const packed = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream();
  const reader = new xzDecompress.XzReadableStream(packed).getReader();
  // It is told by read(), too.
  reader.closed.catch(() => undefined);
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

/** The first fault of either, the archive or what is in it, ends both. */
async function nodeInTar(tar: AsyncIterable<Uint8Array>): Promise<RuntimeFile | undefined> {
  const reader = extract();
  const [found] = await Promise.all([nodeAmong(reader), pipeline(tar, reader as unknown as Writable)]);
  return found;
}

async function nodeAmong(entries: ReturnType<typeof extract>): Promise<RuntimeFile | undefined> {
  let [node, licence]: (Uint8Array | undefined)[] = [];
  for await (const entry of entries) {
    const { name, size = 0 } = entry.header;
    if (size > maxNodeBytes) throw new Error(`${name} has ${size} bytes`);
    if (nodePaths.test(name)) node = await buffer(entry);
    else if (licencePaths.test(name)) licence = await buffer(entry);
    else entry.resume();
  }
  return node && { node, licence };
}
