import { createHash } from 'node:crypto';
import { RejectedError } from '#core/runtime/errors.js';
import type { BootPartition } from '../boot-partition.js';
import type { CardDifference, FileHash } from '../card-types.js';

/** A boot partition that remembers what was written to it. */
export function remembering(boot: BootPartition): { readonly boot: BootPartition; files(): readonly FileHash[] } {
  const written = new Map<string, FileHash>();
  // FAT compares names without case.
  const keyOf = (path: string): string => path.replace(/^\//, '').toLowerCase();
  return {
    files: () => [...written.values()],
    boot: {
      read: (path) => boot.read(path),
      sha256: (path) => boot.sha256(path),
      list: (folder) => boot.list(folder),
      freeBytes: () => boot.freeBytes(),
      write: (file) => {
        boot.write(file);
        const { path, bytes, sha256 = hashOf(bytes) } = file;
        written.set(keyOf(path), { path: path.replace(/^\//, ''), sha256, bytes: bytes.length });
      },
      remove: (path) => {
        boot.remove(path);
        written.delete(keyOf(path));
      },
    },
  };
}

/** The files that do not hold what they should. */
export function compareFiles(
  boot: BootPartition,
  files: readonly Pick<FileHash, 'path' | 'sha256'>[],
): CardDifference[] {
  const different: CardDifference[] = [];
  for (const { path, sha256 } of files) {
    const found = boot.sha256(path);
    if (found === undefined) different.push({ path, reason: 'missing' });
    else if (found !== sha256) different.push({ path, reason: 'differs' });
  }
  return different;
}

/** Throws RejectedError `corrupt` if one of the files reads otherwise than it was written. */
export function checkFiles(boot: BootPartition, files: readonly FileHash[]): void {
  const [first] = compareFiles(boot, files);
  if (first) throw new RejectedError('corrupt', `${first.path} was written, but ${first.reason} when it is read back`);
}

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
