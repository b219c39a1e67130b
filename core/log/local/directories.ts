import { mkdir, open, readdir, readFile, rename, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { FatalError, systemCode } from '../../runtime/errors.js';

/** The layout of an event log's directory that this program writes. */
export const logFormat = 1;

/** Makes the entries of a directory durable: after a power cut a new or renamed one is there. */
export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes a directory that is there after a power cut. Its parent must exist. */
export async function makeDirectory(path: string): Promise<void> {
  await mkdir(path, { recursive: true });
  await syncDirectory(dirname(path));
}

/** Removes a directory in one step: what a crash leaves of it is never taken for data, see {@link sweepTrash}. */
export async function removeDirectory(path: string): Promise<void> {
  const trash = `${path}${trashSuffix}`;
  await rename(path, trash);
  await syncDirectory(dirname(path));
  await rm(trash, { recursive: true, force: true });
}

/** Ends the removals that a crash interrupted; resolves with the names that stay. */
export async function sweepTrash(path: string): Promise<string[]> {
  const names = await readdir(path);
  for (const name of names.filter(isTrash)) await rm(join(path, name), { recursive: true, force: true });
  return names.filter((name) => !isTrash(name));
}

const trashSuffix = '.trash';
const isTrash = (name: string): boolean => name.endsWith(trashSuffix);

/** Bytes on disk of everything below a directory; what vanishes meanwhile counts nothing. */
export async function directoryBytes(path: string): Promise<number> {
  const entries = await readdir(path, { withFileTypes: true, recursive: true }).catch(orElse([]));
  const sizes = await Promise.all(
    entries
      .filter((entry) => entry.isFile())
      .map((entry) => stat(join(entry.parentPath, entry.name)).then(({ blocks }) => blocks * blockBytes, orElse(0))),
  );
  return sizes.reduce((sum, bytes) => sum + bytes, 0);
}

/** stat(2) counts blocks of this size, whatever the file system's own is. */
const blockBytes = 512;

function orElse<T>(value: T): (error: unknown) => T {
  return (error) => {
    if (systemCode(error) === 'ENOENT') return value;
    throw error;
  };
}

/** Whether the file system of `path` has no room left for a commit. */
export async function isDiskFull(path: string): Promise<boolean> {
  const { bavail, bsize } = await statfs(path);
  return bavail * bsize < 1_048_576;
}

/** Writes the format of a new log, or throws FatalError `bad-data-format` for one that this program cannot read. */
export async function checkFormat(directory: string): Promise<void> {
  const file = join(directory, 'format');
  const text = await readFile(file, 'utf8').catch(orElse(undefined));
  if (text === undefined) {
    await writeFile(`${file}.new`, `${logFormat}\n`, { flush: true });
    await rename(`${file}.new`, file);
    await syncDirectory(directory);
    return;
  }
  const found = Number(text);
  if (Number.isInteger(found) && found >= 1 && found <= logFormat) return;
  throw new FatalError(
    'bad-data-format',
    `${directory} has event log format ${text.trim() || 'unknown'}, this program reads up to ${logFormat}; use a newer fieldline`,
  );
}
