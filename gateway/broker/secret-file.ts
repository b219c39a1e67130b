import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readFile, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { FatalError, systemCode } from '#core/runtime/errors.js';

const minBytes = 16;
const newBytes = 32;

/**
 * The secret behind all device tokens: the bytes of a file that only its owner may read. With `create` a missing file
 * is made with 32 random bytes; of several processes that do so at once, all get the same secret.
 * Throws FatalError `bad-config` if the file is missing, too short or open to others.
 */
export async function loadSecret(path: string, options: { create: boolean }): Promise<Uint8Array> {
  try {
    return await readSecret(path);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
    if (!options.create) {
      throw new FatalError('bad-config', `The secret of the device tokens, ${path}, does not exist: restore it.`, {
        cause: error,
      });
    }
  }
  await createSecret(path);
  return readSecret(path);
}

async function readSecret(path: string): Promise<Uint8Array> {
  const { mode } = await stat(path);
  if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
    throw new FatalError('bad-config', `The secret file ${path} is open to other users: run chmod 600 ${path}`);
  }
  const secret = await readFile(path);
  if (secret.byteLength < minBytes) {
    throw new FatalError('bad-config', `The secret file ${path} holds fewer than ${minBytes} bytes: restore it.`);
  }
  return secret;
}

/** Written aside and linked into place: the file is never seen half written, and the first one wins. */
async function createSecret(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const partial = `${path}.${randomBytes(6).toString('hex')}`;
  const file = await open(partial, 'wx', 0o600);
  try {
    await file.writeFile(randomBytes(newBytes));
    await file.sync();
    await link(partial, path).catch((error: unknown) => {
      if (systemCode(error) !== 'EEXIST') throw error;
    });
  } finally {
    await file.close();
    await rm(partial, { force: true });
  }
}
