import { FatalError, messageOf, RejectedError, RetryableError } from '#core/runtime/errors.js';

/**
 * What a failed call of DuckDB makes the caller do. The library gives no code, only a text that begins with the kind
 * of the error, so this is the one place that looks at texts.
 */
export function storeError(cause: unknown, doing: string): Error {
  if (cause instanceof RetryableError || cause instanceof FatalError || cause instanceof RejectedError) return cause;
  const text = messageOf(cause);
  const code = /No space left|Disk quota exceeded|File too large/.test(text) ? 'disk-full' : 'unavailable';
  return new RetryableError(code, `the store could not ${doing}: ${text}`, { cause });
}

/** Why a file could not be opened. */
export function openError(cause: unknown, file: string): Error {
  if (cause instanceof FatalError) return cause;
  const text = messageOf(cause);
  if (text.includes('Could not set lock')) return lockedError(file, /PID (\d+)/.exec(text)?.[1], cause);
  if (/storage version|newer version of DuckDB|older version of DuckDB/i.test(text)) {
    const next = 'use the version of Fieldline that wrote it, or another data folder';
    return new FatalError('bad-data-format', `${file} has another storage version: ${next}`, { cause });
  }
  if (/not a valid DuckDB|Corrupt|checksum|Serialization Error|replaying WAL/i.test(text)) {
    return new FatalError('corrupt', `${file} cannot be read: restore it from a copy. ${text}`, { cause });
  }
  if (/Is a directory|No such file|Permission denied|Read-only/i.test(text)) {
    return new FatalError('bad-config', `${file} cannot be opened: check its folder and rights. ${text}`, { cause });
  }
  return storeError(cause, `open ${file}`);
}

export function lockedError(file: string, pid: string | undefined, cause?: unknown): FatalError {
  const who = pid === undefined ? 'this process already' : `process ${pid}`;
  const next = 'stop that process, or ask its HTTP API instead of opening the file';
  return new FatalError('locked', `${file} is in use by ${who}: ${next}`, { cause });
}
