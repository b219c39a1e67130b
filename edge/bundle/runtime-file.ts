import { Readable, type Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { extract } from 'tar-stream';
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
  const tar = await tarStream(bytes, name);
  try {
    const found = await nodeInTar(tar);
    if (found) return found;
  } catch (cause) {
    throw new FatalError('bad-config', `cannot unpack ${name}: ${messageOf(cause)}`, { cause });
  }
  throw new FatalError('bad-config', `${name} has no bin/node in it; take an archive of nodejs.org, or the binary`);
}

async function tarStream(bytes: Uint8Array, name: string): Promise<NodeJS.ReadableStream> {
  const magic = Buffer.from(bytes.subarray(0, 6)).toString('latin1');
  const source = Readable.from([bytes]);
  if (magic.startsWith('\x1f\x8b')) return source.pipe(createGunzip());
  if (magic === '\xfd7zXZ\0') {
    const { XzReadableStream } = await import('xz-decompress');
    return Readable.fromWeb(new XzReadableStream(Readable.toWeb(source) as never) as never);
  }
  throw new FatalError('bad-config', `${name} is neither a program for Linux nor a .tar.xz, .tar.gz or .tgz`);
}

async function nodeInTar(tar: NodeJS.ReadableStream): Promise<RuntimeFile | undefined> {
  const reader = extract();
  let [node, licence]: (Uint8Array | undefined)[] = [];
  const fed = pipeline(tar, reader as unknown as Writable);
  for await (const entry of reader) {
    const { name, size = 0 } = entry.header;
    if (size > maxNodeBytes) throw new Error(`${name} has ${size} bytes`);
    if (nodePaths.test(name)) node = await buffer(entry);
    else if (licencePaths.test(name)) licence = await buffer(entry);
    else entry.resume();
  }
  await fed;
  return node && { node, licence };
}
