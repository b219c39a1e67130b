import { RejectedError, systemCode } from '#core/runtime/errors.js';

/** Errors of what is done here get the file's name in front, so that each layer below need not know it. */
export async function naming<T>(path: string, action: () => T | Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (systemCode(error) === 'ENOSPC') {
      throw new RejectedError('disk-full', `no space left for ${path}`, { cause: error });
    }
    if (!(error instanceof RejectedError) || error.message.startsWith(path)) throw error;
    throw new RejectedError(error.code, `${path}: ${error.message}`, { cause: error });
  }
}
