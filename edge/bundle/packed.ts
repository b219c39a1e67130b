import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hashOf } from './release-folder.js';
import type { ReleaseProgress } from './release.js';
import { xz } from './xz.js';

/** Enough for the boards of a fleet under several releases. */
const keptArchives = 24;

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
  await forgetOldest(folder);
  return bytes;
}

/** undefined if there is none, or none that is whole. */
async function readKept(folder: string, before: string): Promise<Uint8Array | undefined> {
  const names = await readdir(folder).catch(() => []);
  for (const name of names.filter((one) => one.startsWith(before) && one.endsWith('.tar.xz'))) {
    const bytes = await readFile(join(folder, name));
    if (name !== `${before}-${hashOf(bytes)}.tar.xz`) continue;
    const now = new Date();
    await utimes(join(folder, name), now, now).catch(() => undefined);
    return bytes;
  }
  return undefined;
}

/** Those that were used least recently go. */
async function forgetOldest(folder: string): Promise<void> {
  const files = (await readdir(folder)).map((name) => join(folder, name));
  const used = await Promise.all(
    files.map(async (file) => ({ file, atMs: (await stat(file).catch(() => undefined))?.mtimeMs ?? 0 })),
  );
  const old = used.sort((a, b) => b.atMs - a.atMs).slice(keptArchives);
  await Promise.all(old.map(({ file }) => rm(file, { force: true })));
}
