import { RejectedError } from '../runtime/errors.js';
import type { LogRecord } from './log.js';

/** The most that key, value and headers of one record may have together: 1 MiB for the value, and room for the rest. */
export const maxRecordBytes = 1_048_576 + 65_536;

/** Bytes of key, value and headers. */
export function recordBytes({ key, value, headers }: LogRecord): number {
  let bytes = Buffer.byteLength(key) + value.byteLength;
  for (const name in headers) bytes += Buffer.byteLength(name) + Buffer.byteLength(headers[name] ?? '');
  return bytes;
}

/** Bytes of all records together. Throws RejectedError `too-large` for the first that can never be appended. */
export function checkedBytes(topic: string, records: readonly LogRecord[]): number {
  let total = 0;
  for (const record of records) {
    const bytes = recordBytes(record);
    if (bytes > maxRecordBytes) throw tooLarge(topic, record.key, bytes);
    total += bytes;
  }
  return total;
}

/** `maxBytes` where it is not this program's own limit. */
export function tooLarge(topic: string, key: string, bytes: number, maxBytes = maxRecordBytes): RejectedError {
  return new RejectedError(
    'too-large',
    `a record of ${key} for ${topic} has ${bytes} bytes, the log takes ${maxBytes}`,
  );
}
