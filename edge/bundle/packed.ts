import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hashOf } from './release-folder.js';
import type { ReleaseProgress } from './release.js';
import { xz } from './xz.js';

/**
 * Compresses an archive, which takes a second for each 2 MB. What was compressed before is taken from the folder, where its
 * name is the hash of what went in and of what came out.
 */
export async function packed(tar: Uint8Array, folder: string, progress?: ReleaseProgress): Promise<Uint8Array> {
  const before = hashOf(tar);
  const kept = await readKept(folder, before);
  if (kept) return kept;
  const bytes = await xz(tar, progress);
  const file = join(folder, `${before}-${hashOf(bytes)}.tar.xz`);
  // Several builds at once may keep the same.
  const partial = `${file}.${randomBytes(4).toString('hex')}`;
  await mkdir(folder, { recursive: true });
  await writeFile(partial, bytes);
  await rename(partial, file);
  return bytes;
}

/** undefined if there is none, or none that is whole. */
async function readKept(folder: string, before: string): Promise<Uint8Array | undefined> {
  const names = await readdir(folder).catch(() => []);
  for (const name of names.filter((one) => one.startsWith(before) && one.endsWith('.tar.xz'))) {
    const bytes = await readFile(join(folder, name));
    if (name === `${before}-${hashOf(bytes)}.tar.xz`) return bytes;
  }
  return undefined;
}
