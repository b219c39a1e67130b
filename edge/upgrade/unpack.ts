import { createReadStream } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable, Transform, type TransformCallback } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { extract, type Extract } from 'tar-stream';
import xzDecompress from 'xz-decompress';
import { messageOf, RejectedError, systemCode } from '#core/runtime/errors.js';
import { syncFolder } from './durable-files.js';

export interface UnpackOptions {
  /** A `.tar.xz` whose hash has been verified: the decoder compares no sums. */
  readonly archive: string;
  /** Where its files go; it is made. */
  readonly folder: string;
  /** All files together may have so many bytes. */
  readonly maxBytes: number;
}

type Entry = Extract extends AsyncIterable<infer File> ? File : never;

/** Beside the content of its files an archive has heads, padding and an end. */
const overheadBytes = 2 * 1024 * 1024;
const maxEntries = 10_000;

/**
 * Unpacks files and folders; links, devices and names that lead out of the folder are refused. All is synced when it
 * resolves. Throws RejectedError `corrupt` or `too-large`, and the system's errors, such as `ENOSPC`, as they are.
 */
export async function unpack({ archive, folder, maxBytes }: UnpackOptions): Promise<void> {
  const folders = new Set([folder]);
  let [entries, bytes] = [0, 0];
  await mkdir(folder, { recursive: true, mode: 0o755 });
  const take = async (files: AsyncIterable<Entry>): Promise<void> => {
    for await (const entry of files) {
      const { name, type, size = 0, mode = 0 } = entry.header;
      entries += 1;
      bytes += size;
      if (entries > maxEntries || bytes > maxBytes) throw new RejectedError('too-large', 'it unpacks to too much');
      const path = join(folder, safeName(name));
      const parent = type === 'directory' ? path : dirname(path);
      await mkdir(parent, { recursive: true, mode: 0o755 });
      for (let up = parent; up !== folder; up = dirname(up)) folders.add(up);
      if (type === 'directory') entry.resume();
      else if (type === 'file') await writeFile(path, entry, (mode & 0o100) !== 0);
      else throw new RejectedError('corrupt', `${name} is a ${type ?? 'thing'}`);
    }
  };
  try {
    const files = extract();
    await Promise.all([pipeline(tarOf(archive), wholeArchive(maxBytes + overheadBytes), files), take(files)]);
  } catch (error) {
    if (error instanceof RejectedError || systemCode(error) !== undefined) throw error;
    throw new RejectedError('corrupt', `${archive}: ${messageOf(error)}`, { cause: error });
  }
  for (const path of folders) await syncFolder(path);
}

function tarOf(archive: string): Readable {
  const packed = Readable.toWeb(createReadStream(archive)) as ReadableStream<Uint8Array>;
  return Readable.fromWeb(new xzDecompress.XzReadableStream(packed) as Parameters<typeof Readable.fromWeb>[0]);
}

async function writeFile(path: string, content: AsyncIterable<unknown>, isProgram: boolean): Promise<void> {
  // `wx`: a name that comes twice is refused.
  const file = await open(path, 'wx', isProgram ? 0o755 : 0o644);
  try {
    for await (const chunk of content) await file.writeFile(chunk as Buffer);
    await file.sync();
  } finally {
    await file.close();
  }
}

function safeName(name: string): string {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (name.startsWith('/') || name.includes('\0') || parts.includes('..') || name.length > 500) {
    throw new RejectedError('corrupt', `a file named ${JSON.stringify(name.slice(0, 100))}`);
  }
  return parts.join('/');
}

/** Two blocks of zeros end an archive: without them it was cut short, which the decoder does not tell. */
const endBytes = 1024;

/** Lets a whole archive of at most `maxBytes` pass. */
function wholeArchive(maxBytes: number): Transform {
  let bytes = 0;
  let end = Buffer.alloc(0);
  return new Transform({
    transform(chunk: Buffer, _encoding, done: TransformCallback) {
      bytes += chunk.length;
      end = Buffer.concat([end, chunk.subarray(-endBytes)]).subarray(-endBytes);
      if (bytes > maxBytes) done(new RejectedError('too-large', 'it unpacks to too much'));
      else done(null, chunk);
    },
    flush(done: TransformCallback) {
      const isWhole = end.length === endBytes && end.every((byte) => byte === 0);
      done(isWhole ? null : new RejectedError('corrupt', 'the archive has no end'));
    },
  });
}
