import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { open, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { digestFile } from '../../../../edge/image/card/digest-file.js';
import { fileDigest } from '../../../../edge/image/card/file-digest.js';
import { readMapped } from '../../../../edge/image/card/image-map.js';
import { openCard } from '../../../../edge/image/card/open-card.js';
import { stretchBytes } from '../../../../edge/image/card/stretch.js';
import { writeRuns } from '../../../../edge/image/card/write-runs.js';
import { unpackImage } from '../../../../edge/image/flash/unpack-image.js';
import { openImage } from '../../../../edge/image/source/open-image.js';
import { hasXzProgram } from '../../../../edge/image/source/xz-program.js';
import { makeCardImage } from '../../../support/card-image.js';
import { tempDir } from '../../../support/temp-dir.js';

const run = promisify(execFile);
const hasXz = await hasXzProgram();
const packings = ['img', 'gz', ...(hasXz ? ['xz'] : [])] as const;

/** An image with data of any length at any place behind its boot partition. */
async function packedImages(): Promise<string> {
  const folder = await tempDir();
  const path = join(folder, 'base.img');
  await makeCardImage(path, { fat: 'FAT16', rootMiB: 20 });
  const file = await open(path, 'r+');
  for (let i = 0; i < 40; i++) {
    const at = 21 * stretchBytes + Math.floor(Math.random() * 18 * stretchBytes);
    await file.write(randomBytes(1 + Math.floor(Math.random() * 30_000)), 0, undefined, at);
  }
  await file.close();
  await writeFile(`${path}.gz`, await promisify(gzip)(await readFile(path), { level: 1 }));
  if (hasXz) await run('xz', ['-1', '-k', path]);
  return path;
}

describe.each(packings)('an image as .%s', (packing) => {
  async function packed() {
    const path = await packedImages();
    return { path, source: await openImage(packing === 'img' ? path : `${path}.${packing}`) };
  }

  it('is unpacked as it is, and copied by where its data lie', async () => {
    const { path, source } = await packed();
    expect(source.unpackInto !== undefined).toBe(packing === 'xz');
    const { boot, whole } = unpackImage(source, `${path}.unpacked`);
    // As soon as it says so, and whether or not the rest is there.
    const { imageBytes } = await boot;
    const card = await openCard(`${path}.unpacked`, { imageBytes });
    expect(card.boot.list()).toEqual(['cmdline.txt', 'config.txt']);
    card.close();
    const image = await whole;
    const bytes = await readFile(path);
    expect((await readFile(image.path)).equals(bytes)).toBe(true);
    expect((await stat(image.path)).blocks).toBeLessThan(bytes.length / 512 / 2);
    const copy = await open(`${path}.copy`, 'w+');
    await readMapped(image.path, image.imageBytes, image.map, async (index, stretch, { runs }) => {
      await writeRuns(copy, stretch, index * stretchBytes, runs);
    });
    await copy.truncate(image.imageBytes);
    await copy.close();
    expect((await readFile(`${path}.copy`)).equals(bytes)).toBe(true);
    const hashes = new Map([...image.map].map(([index, { hashes: known }]) => [index, known]));
    expect(fileDigest(image.imageBytes, hashes)).toBe(await digestFile(path));
  });

  it('that nobody wants any more is left', async () => {
    const { path, source } = await packed();
    const stop = new AbortController();
    const { boot, whole } = unpackImage(source, `${path}.left`, {
      signal: stop.signal,
      onProgress: () => stop.abort(new Error('enough')),
    });
    await expect(boot).rejects.toThrow('enough');
    await expect(whole).rejects.toThrow('enough');
  });

  it('is refused where the file is there already', async () => {
    const { path, source } = await packed();
    await writeFile(`${path}.there`, '');
    await expect(unpackImage(source, `${path}.there`).whole).rejects.toMatchObject({ code: 'EEXIST' });
  });
});

it.skipIf(!hasXz)('a damaged .xz is found, whoever unpacks it', async () => {
  const path = await packedImages();
  const file = await open(`${path}.xz`, 'r+');
  const { size } = await file.stat();
  await file.write(Buffer.alloc(64, 0x55), 0, 64, Math.floor(size / 2));
  await file.close();
  const { whole } = unpackImage(await openImage(`${path}.xz`), `${path}.unpacked`);
  await expect(whole).rejects.toMatchObject({
    code: 'corrupt',
    message: expect.stringMatching(/base\.img\.xz is damaged or cut short: Compressed data is corrupt/) as string,
  });
});

it('what has no partition table is found at once', async () => {
  const folder = await tempDir();
  await writeFile(join(folder, 'archive.gz'), await promisify(gzip)(Buffer.alloc(3 * stretchBytes, 'tar')));
  const { boot } = unpackImage(await openImage(join(folder, 'archive.gz')), join(folder, 'out'));
  await expect(boot).rejects.toMatchObject({ code: 'refused' });
});
