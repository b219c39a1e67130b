import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FatalError, systemCode } from './errors.js';
import { lockDirectory, type ProcessLock } from './process-lock.js';

/** The layout of a data directory that this program writes. */
export const dataFormat = 1;

export interface DataDirectory {
  readonly path: string;
  file(...names: string[]): string;
  release(): Promise<void>;
}

/**
 * Opens, or makes, the data directory and holds it for this process.
 * Throws FatalError `locked`, or `bad-data-format` when a newer program wrote it.
 */
export async function openDataDirectory(path: string): Promise<DataDirectory> {
  await mkdir(path, { recursive: true, mode: 0o750 });
  const lock: ProcessLock = await lockDirectory(path);
  try {
    await checkFormat(path);
  } catch (error) {
    await lock.release();
    throw error;
  }
  return { path, file: (...names) => join(path, ...names), release: () => lock.release() };
}

async function checkFormat(path: string): Promise<void> {
  const file = join(path, 'format');
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) {
    await writeFile(`${file}.new`, `${dataFormat}\n`);
    await rename(`${file}.new`, file);
    return;
  }
  const found = Number(text);
  if (Number.isInteger(found) && found >= 1 && found <= dataFormat) return;
  throw new FatalError(
    'bad-data-format',
    `${path} has data format ${text.trim() || 'unknown'}, this program reads up to ${dataFormat}; use a newer fieldline, or another directory with --data`,
  );
}
