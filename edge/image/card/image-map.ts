import { open, type FileHandle } from 'node:fs/promises';
import { RejectedError } from '#core/runtime/errors.js';
import { hashesOf } from './file-digest.js';
import { stretchBytes } from './stretch.js';
import { dataRuns, type Run } from './write-runs.js';

/** What one stretch of an image holds: where it is not zero, and its hashes. */
export interface MappedStretch {
  readonly runs: readonly Run[];
  readonly hashes: Buffer;
}

/** What an image holds, by the index of the stretch; one that is missing holds zeros. */
export type ImageMap = ReadonlyMap<number, MappedStretch>;

/** Of the bytes of a stretch; undefined for nothing but zeros. */
export function mapStretch(bytes: Uint8Array): MappedStretch | undefined {
  const runs = dataRuns(bytes);
  return runs.length === 0 ? undefined : { runs, hashes: hashesOf(bytes) };
}

export function mappedBytes(map: ImageMap): number {
  let bytes = 0;
  for (const { runs } of map.values()) for (const { start, end } of runs) bytes += end - start;
  return bytes;
}

export type TakeStretch = (index: number, bytes: Uint8Array, mapped: MappedStretch) => Promise<void>;

/** Reads the stretches of a file that hold something, and of these what lies between the first and the last byte that is not zero. */
export async function readMapped(path: string, imageBytes: number, map: ImageMap, take: TakeStretch): Promise<void> {
  const stretch = Buffer.alloc(stretchBytes);
  const file = await open(path);
  try {
    for (const [index, mapped] of map) {
      const size = Math.min(stretchBytes, imageBytes - index * stretchBytes);
      await readSpan(file, stretch, index, mapped.runs);
      await take(index, stretch.subarray(0, size), mapped);
    }
  } finally {
    await file.close();
  }
}

async function readSpan(file: FileHandle, into: Buffer, index: number, runs: readonly Run[]): Promise<void> {
  const end = runs.at(-1)!.end;
  for (let at = runs[0]!.start; at < end;) {
    const { bytesRead } = await file.read(into, at, end - at, index * stretchBytes + at);
    if (bytesRead === 0) throw new RejectedError('corrupt', `it ends at byte ${index * stretchBytes + at}`);
    at += bytesRead;
  }
}
