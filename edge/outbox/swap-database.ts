import { open, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** The database in use, its successor while that is written, and what it was before. */
export const current = 'packs';
export const coming = 'packs-next';
const former = 'packs-old';

/** Puts the finished successor in the place of the database. A crash in between is mended by {@link finishSwap}. */
export async function swap(directory: string): Promise<void> {
  await rename(join(directory, current), join(directory, former));
  await finishSwap(directory);
}

/**
 * Ends a swap that a crash interrupted. As long as the old database is in its place, the new one may be unfinished and
 * goes; once it has been moved away, the new one is whole.
 */
export async function finishSwap(directory: string): Promise<void> {
  const [isThere, wasThere] = await Promise.all([current, former].map((name) => exists(join(directory, name))));
  if (!isThere && wasThere) await rename(join(directory, coming), join(directory, current));
  if (!isThere && !wasThere) return;
  await syncDirectory(directory);
  for (const name of [former, coming]) await rm(join(directory, name), { recursive: true, force: true });
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
