import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { RejectedError } from '#core/runtime/errors.js';
import type { BootPartition } from '../boot-partition.js';
import type { Partition } from '../disk/partition-table.js';
import type { ImageSource } from '../source/image-source.js';
import { filesOf, type CardPlan } from './plan-card.js';

/** sha256 of every file of a boot partition. */
export function bootHashes(boot: BootPartition): Map<string, string> {
  return new Map(filesOf(boot).map((path) => [path, boot.sha256(path)!]));
}

/** Throws RejectedError `corrupt` unless the files are those that were there before, but for the plan’s. */
export function checkBoot(boot: BootPartition, before: ReadonlyMap<string, string>, { files }: CardPlan): void {
  const expected = new Map([...before].filter(([path]) => !/^fieldline\//i.test(path)));
  for (const { path, bytes, sha256 } of files) {
    for (const known of expected.keys()) if (known.toLowerCase() === path.toLowerCase()) expected.delete(known);
    expected.set(path, sha256 ?? hashOf(bytes));
  }
  const found = new Map([...bootHashes(boot)].map(([path, hash]) => [path.toLowerCase(), hash]));
  const wrong = [...expected].filter(([path, hash]) => found.get(path.toLowerCase()) !== hash).map(([path]) => path);
  if (wrong.length === 0 && found.size === expected.size) return;
  const what = wrong.length > 0 ? wrong.join(', ') : `${found.size} files in the place of ${expected.size}`;
  throw new RejectedError('corrupt', `the boot partition does not hold what was written: ${what}`);
}

export interface CheckCopyOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
}

/** Reads a copy back, byte by byte but for its boot partition, against the image. Throws RejectedError `corrupt`. */
export async function checkCopy(
  source: ImageSource,
  file: string,
  boot: Partition,
  { signal, onProgress }: CheckCopyOptions = {},
): Promise<void> {
  const handle = await open(file, 'r');
  const buffer = Buffer.alloc(1024 * 1024);
  let at = 0;
  try {
    for await (const chunk of source.read(signal ? { signal } : {})) {
      for (let done = 0; done < chunk.length; done += buffer.length) {
        const expected = chunk.subarray(done, done + buffer.length);
        const { bytesRead } = await handle.read(buffer, 0, expected.length, at + done);
        if (!isSame(buffer.subarray(0, bytesRead), expected, at + done, boot)) {
          throw new RejectedError(
            'corrupt',
            `${file} differs from ${source.path} near byte ${at + done}: write it again`,
          );
        }
      }
      at += chunk.length;
      onProgress?.(at, source.imageBytes ?? 0);
    }
  } finally {
    await handle.close();
  }
}

/** Whether both are the same outside of the partition. */
function isSame(found: Buffer, expected: Uint8Array, at: number, { startBytes, sizeBytes }: Partition): boolean {
  if (found.length !== expected.length) return false;
  const before = Math.max(0, Math.min(expected.length, startBytes - at));
  const behind = Math.max(0, Math.min(expected.length, startBytes + sizeBytes - at));
  const parts = [
    [0, before],
    [Math.max(before, behind), expected.length],
  ] as const;
  return parts.every(([from, to]) => found.subarray(from, to).equals(expected.subarray(from, to)));
}

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
