import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { open, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { digestFile } from '../../../../edge/image/card/digest-file.js';
import { fileDigest } from '../../../../edge/image/card/file-digest.js';
import { mapStretch, type MappedStretch } from '../../../../edge/image/card/image-map.js';
import { sizeOfStretch, stretchBytes } from '../../../../edge/image/card/stretch.js';
import { ensureServer, haveServers } from '../../../servers/ensure.js';
import { tempDir } from '../../../support/temp-dir.js';

const usable = await haveServers('fsverity');

/** What the program of the kernel's authors says of a file. */
async function foreignDigest(path: string): Promise<string> {
  const { path: program, env } = await ensureServer('fsverity');
  const { stdout } = await promisify(execFile)(program, ['digest', '--compact', path], {
    env: { ...process.env, ...env },
  });
  return `sha256:${stdout.trim()}`;
}

/** A file of this size with data at these places, and holes between them. */
async function sparseFile(path: string, size: number, places: readonly (readonly [at: number, bytes: number])[]) {
  const file = await open(path, 'w');
  for (const [at, bytes] of places) {
    const from = Math.min(at, size - 1);
    await file.write(randomBytes(Math.min(bytes, size - from)), 0, undefined, from);
  }
  await file.close();
  await truncate(path, size);
}

describe.skipIf(!usable)('the digest of a file', () => {
  it.each([
    4097,
    8192,
    128 * 4096,
    128 * 4096 + 1,
    stretchBytes,
    stretchBytes + 1,
    3 * stretchBytes - 7,
    130 * stretchBytes,
  ])('of %i bytes is that of fsverity', async (size) => {
    const path = join(await tempDir(), 'file');
    await sparseFile(path, size, [
      [0, 5000],
      [size - 3, 3],
      [Math.floor(size / 2), 9000],
    ]);
    expect(await digestFile(path)).toBe(await foreignDigest(path));
  });

  it('is that of fsverity for any holes, also from what is known of its stretches', async () => {
    const folder = await tempDir();
    const path = join(folder, 'file');
    const place = fc.tuple(fc.nat(5 * stretchBytes), fc.integer({ min: 1, max: 3 * 4096 }));
    const sizes = fc.integer({ min: 4097, max: 5 * stretchBytes });
    await fc.assert(
      fc.asyncProperty(sizes, fc.array(place, { maxLength: 12 }), async (size, places) => {
        await sparseFile(path, size, places);
        const map = new Map<number, MappedStretch>();
        const file = await open(path);
        for (let index = 0; index * stretchBytes < size; index++) {
          const bytes = Buffer.alloc(sizeOfStretch(index, size));
          await file.read(bytes, 0, bytes.length, index * stretchBytes);
          const mapped = mapStretch(bytes);
          if (mapped) map.set(index, mapped);
        }
        await file.close();
        const known = fileDigest(size, new Map([...map].map(([index, { hashes }]) => [index, hashes])));
        expect([known, await digestFile(path)]).toEqual([await foreignDigest(path), known]);
      }),
      { numRuns: 15 },
    );
  });
});
