import type { FileHandle } from 'node:fs/promises';
import { writeAll } from './write-all.js';

/** What a file system gives out at least; zeros of this size and place become holes. */
const pageBytes = 4096;
const zeros = Buffer.alloc(1024 * 1024);

/** Writes what is not zero, page by page, into a file that holds nothing there yet. Returns how many bytes were written. */
export async function writeRuns(file: FileHandle, bytes: Uint8Array, position: number): Promise<number> {
  let writtenBytes = 0;
  for (const { start, end } of runsWithData(bytes)) {
    await writeAll(file, bytes.subarray(start, end), position + start);
    writtenBytes += end - start;
  }
  return writtenBytes;
}

function* runsWithData(bytes: Uint8Array): Iterable<{ readonly start: number; readonly end: number }> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // Most of an image is nothing but zeros.
  if (isZero(buffer, 0, buffer.length)) return;
  let start = -1;
  for (let at = 0; at < buffer.length; at += pageBytes) {
    const end = Math.min(at + pageBytes, buffer.length);
    const isHole = isZero(buffer, at, end);
    if (!isHole && start < 0) start = at;
    if (isHole && start >= 0) yield { start, end: at };
    if (isHole) start = -1;
  }
  if (start >= 0) yield { start, end: buffer.length };
}

function isZero(buffer: Buffer, start: number, end: number): boolean {
  if (end - start > zeros.length) return false;
  // The first byte tells it of most, without a call.
  return start === end || (buffer[start] === 0 && buffer.compare(zeros, 0, end - start, start, end) === 0);
}
