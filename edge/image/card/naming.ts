import { RejectedError, systemCode, type ErrorCode } from '#core/runtime/errors.js';

/** Errors of what is done here get the file's name in front, so that each layer below need not know it. */
export async function naming<T>(path: string, action: () => T | Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof RejectedError) || error.message.startsWith(path)) throw error;
    throw new RejectedError(error.code, `${path}: ${error.message}`, { cause: error });
  }
}

interface Explanation {
  readonly codes: readonly string[];
  readonly code: ErrorCode;
  readonly sentence: (path: string) => string;
}

const explanations: readonly Explanation[] = [
  { codes: ['ENOSPC', 'EDQUOT', 'EFBIG'], code: 'disk-full', sentence: (path) => `there is no space left for ${path}` },
  { codes: ['ENOENT'], code: 'refused', sentence: (path) => `there is no ${path}, or not the folder that it lies in` },
  {
    codes: ['EACCES', 'EPERM', 'EROFS'],
    code: 'unauthorised',
    sentence: (path) => `${path} may not be opened by this user`,
  },
  {
    codes: ['EIO', 'ENXIO', 'ENODEV', 'ENOMEDIUM'],
    code: 'unavailable',
    sentence: (path) => `${path} cannot be read or written any more: the card is broken, or was pulled out`,
  },
];

/** What the system says of a file becomes a sentence for a person. */
export async function explaining<T>(path: string, action: () => T | Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    const code = systemCode(error);
    const found = explanations.find(({ codes }) => codes.includes(code ?? ''));
    if (error instanceof RejectedError || found === undefined || !isOf(path, error)) throw error;
    throw new RejectedError(found.code, found.sentence(path), { cause: error });
  }
}

/** Others may have files of their own, such as those that an edit reads; reads and writes of an open file name none. */
function isOf(path: string, error: unknown): boolean {
  const named = (error as NodeJS.ErrnoException).path;
  return named === undefined || named.startsWith(path);
}
