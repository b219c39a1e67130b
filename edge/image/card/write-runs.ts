import { writeSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { writeAll } from './write-all.js';

/** Where bytes are not zero, by their places from the first of them. */
export interface Run {
  readonly start: number;
  readonly end: number;
}

/** What a file system gives out at least; zeros of this size and place become holes. */
const pageBytes = 4096;
const zeros = Buffer.alloc(1024 * 1024);
const fewRuns = 4;

/** Writes the runs of bytes into a file that holds nothing there yet. Returns how many bytes were written. */
export async function writeRuns(
  file: FileHandle,
  bytes: Uint8Array,
  position: number,
  runs: readonly Run[],
): Promise<number> {
  let writtenBytes = 0;
  const isScattered = runs.length > fewRuns;
  for (const { start, end } of runs) {
    if (isScattered) writeAllSync(file.fd, bytes, start, end, position);
    else await writeAll(file, bytes.subarray(start, end), position + start);
    writtenBytes += end - start;
  }
  return writtenBytes;
}

/** Handing a page to another thread takes several times as long as writing it. */
function writeAllSync(fd: number, bytes: Uint8Array, start: number, end: number, position: number): void {
  for (let at = start; at < end;) at += writeSync(fd, bytes, at, end - at, position + at);
}

/** The pages that are not zero, as few runs as hold them. */
export function dataRuns(bytes: Uint8Array): Run[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const runs: Run[] = [];
  // Most of an image is nothing but zeros.
  if (isZero(buffer, 0, buffer.length)) return runs;
  let start = -1;
  for (let at = 0; at < buffer.length; at += pageBytes) {
    const isHole = isZero(buffer, at, Math.min(at + pageBytes, buffer.length));
    if (!isHole && start < 0) start = at;
    if (isHole && start >= 0) runs.push({ start, end: at });
    if (isHole) start = -1;
  }
  if (start >= 0) runs.push({ start, end: buffer.length });
  return runs;
}

function isZero(buffer: Buffer, start: number, end: number): boolean {
  if (end - start > zeros.length) return false;
  // The first byte tells it of most, without a call.
  return start === end || (buffer[start] === 0 && buffer.compare(zeros, 0, end - start, start, end) === 0);
}
