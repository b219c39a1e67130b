import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { z } from 'zod';
import { messageOf, RetryableError, systemCode } from '#core/runtime/errors.js';
import type { Logger } from '#core/runtime/logger.js';

/** One JSON value on disk, replaced as a whole: after a crash the old one or the new one is there. */
export class JsonFile<T> {
  constructor(
    private readonly path: string,
    private readonly schema: z.ZodType<T>,
    private readonly logger: Logger,
  ) {}

  /** Undefined if there is none. One that cannot be read is logged and put aside, so that the device goes on without it. */
  async load(): Promise<T | undefined> {
    try {
      return this.schema.parse(JSON.parse(await readFile(this.path, 'utf8')));
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined;
      this.logger.error({ path: this.path, error: messageOf(error) }, 'unreadable: put aside as .damaged');
      await rename(this.path, `${this.path}.damaged`).catch(() => undefined);
      return undefined;
    }
  }

  /** Resolves when it is safe against a pulled plug. Throws RetryableError `disk-full` or `unavailable`. Not for calls at once. */
  async save(value: T): Promise<void> {
    const folder = dirname(this.path);
    try {
      await mkdir(folder, { recursive: true });
      await writeSynced(`${this.path}.new`, JSON.stringify(value));
      await rename(`${this.path}.new`, this.path);
      // The name is safe only once its folder is.
      await sync(folder);
    } catch (cause) {
      const code = systemCode(cause) === 'ENOSPC' ? 'disk-full' : 'unavailable';
      throw new RetryableError(code, `${this.path} could not be written: ${messageOf(cause)}`, { cause });
    }
  }
}

async function writeSynced(path: string, text: string): Promise<void> {
  const file = await open(path, 'w', 0o640);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function sync(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
