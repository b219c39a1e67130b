import { constants } from 'node:fs';
import { mkdir, open, rename, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { RejectedError } from '#core/runtime/errors.js';

/** Replaces a file as a whole; resolves when it is safe against a pulled plug. */
export async function writeDurably(path: string, text: string, mode = 0o644): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const file = await open(`${path}.new`, 'w', mode);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
  await syncFolder(dirname(path));
}

/** The names in a folder are safe only once the folder is. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/**
 * Opens what another user may have put there: a file, and not a link to one of ours or a pipe that never ends.
 * Throws RejectedError `refused`, or the system's error.
 */
export async function openForeign(path: string): Promise<{ file: FileHandle; bytes: number }> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw new RejectedError('refused', `${path} is no file`);
    return { file, bytes: stats.size };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** The text of such a file. Throws RejectedError `too-large`. */
export async function readForeign(path: string, maxBytes: number): Promise<string> {
  const { file, bytes } = await openForeign(path);
  try {
    if (bytes > maxBytes) throw new RejectedError('too-large', `${path} has ${bytes} bytes`);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(maxBytes), 0, maxBytes, 0);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}
