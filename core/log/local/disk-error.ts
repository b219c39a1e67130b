import { dirname } from 'node:path';
import { FatalError, messageOf, RejectedError, RetryableError } from '../../runtime/errors.js';
import { isDiskFull } from './directories.js';

type LogError = FatalError | RejectedError | RetryableError;

/**
 * What the caller of a failed disk operation must do. LevelDB tells a full disk only in words, so the disk is asked.
 * An error that is classified already stays what it is.
 */
export async function diskError(path: string, error: unknown): Promise<LogError> {
  if (error instanceof FatalError || error instanceof RejectedError || error instanceof RetryableError) return error;
  const codes = codesOf(error);
  const options = { cause: error };
  if (codes.includes('LEVEL_LOCKED')) {
    return new FatalError('locked', `${path} is open in another process; stop that one first`, options);
  }
  if (codes.includes('LEVEL_CORRUPTION')) {
    const remedy = 'check the disk, then restore the directory or move it away to start empty';
    return new FatalError('corrupt', `${path} is damaged: ${causeOf(error)}; ${remedy}`, options);
  }
  const full = codes.includes('ENOSPC') || (await isDiskFull(dirname(path)).catch(() => false));
  return new RetryableError(full ? 'disk-full' : 'unavailable', `${path}: ${causeOf(error)}`, options);
}

function codesOf(error: unknown): unknown[] {
  const codes = [];
  for (let e = error; e instanceof Error; e = e.cause) codes.push((e as NodeJS.ErrnoException).code);
  return codes;
}

function causeOf(error: unknown): string {
  return error instanceof Error && error.cause !== undefined ? causeOf(error.cause) : messageOf(error);
}
