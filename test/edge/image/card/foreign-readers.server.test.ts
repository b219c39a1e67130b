import { execFile } from 'node:child_process';
import { open, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { BootPartition } from '../../../../edge/image/boot-partition.js';
import { openCard } from '../../../../edge/image/card/open-card.js';
import { writeImage } from '../../../../edge/image/card/write-image.js';
import { openImage } from '../../../../edge/image/source/open-image.js';
import { ensureServer, haveServers } from '../../../servers/ensure.js';
import { mbrSector, mebibyte, piFiles } from '../../../support/card-image.js';
import { tempDir } from '../../../support/temp-dir.js';

const usable = await haveServers('dosfstools', 'mtools');
const run = promisify(execFile);
const timeMs = Date.UTC(2026, 6, 7, 8, 9, 10);

/** Programs that have nothing to do with ours. */
async function foreign(): Promise<
  Record<'mkfs' | 'fsck' | 'mcopy' | 'mdir' | 'mdel', (...words: string[]) => Promise<string>>
> {
  const [dosfstools, mtools] = [await ensureServer('dosfstools'), await ensureServer('mtools')];
  const program = (path: string, env: Readonly<Record<string, string>>) => {
    return async (...words: string[]): Promise<string> =>
      (await run(path, words, { env: { ...process.env, ...env, LC_ALL: 'C.UTF-8' } })).stdout;
  };
  const dos = (name: string) => program(join(dirname(dosfstools.path), name), dosfstools.env);
  const m = (name: string) => program(join(dirname(mtools.path), name), { ...mtools.env, MTOOLS_SKIP_CHECK: '1' });
  return { mkfs: dos('mkfs.fat'), fsck: dos('fsck.fat'), mcopy: m('mcopy'), mdir: m('mdir'), mdel: m('mdel') };
}

interface Geometry {
  readonly startSector: number;
  readonly bootMiB: number;
  readonly mkfs: readonly string[];
}

/** As pi-gen lays out its images (export-image/prerun.sh), smaller: start of the boot partition, FAT32, one sector a cluster. */
const pi: Geometry = { startSector: 16384, bootMiB: 40, mkfs: ['-F', '32', '-s', '1'] };
const geometries: Readonly<Record<string, Geometry>> = {
  'of Raspberry Pi OS': pi,
  'with a FAT16': { startSector: 2048, bootMiB: 20, mkfs: ['-F', '16'] },
  'with a FAT12': { startSector: 2048, bootMiB: 12, mkfs: ['-F', '12', '-s', '8'] },
  'with larger clusters and one table': { startSector: 8192, bootMiB: 70, mkfs: ['-F', '32', '-s', '2', '-f', '1'] },
};

async function makeImage(folder: string, { startSector, bootMiB, mkfs }: Geometry): Promise<string> {
  const path = join(folder, 'raspios.img');
  const sectors = (bootMiB * mebibyte) / 512;
  const file = await open(path, 'w');
  await file.truncate(startSector * 512 + (bootMiB + 4) * mebibyte);
  const root = { start: startSector + sectors, sectors: (4 * mebibyte) / 512, type: 0x83 };
  await file.write(mbrSector([{ start: startSector, sectors, type: 0x0c }, root]));
  await file.close();
  const tools = await foreign();
  await tools.mkfs(
    ...mkfs,
    '-n',
    'bootfs',
    '-i',
    '12345678',
    '--offset',
    String(startSector),
    path,
    String((bootMiB * mebibyte) / 1024),
  );
  const drive = `${path}@@${startSector * 512}`;
  for (const { path: name, bytes } of [
    ...piFiles,
    { path: 'kernel8.img', bytes: Buffer.alloc(3 * mebibyte, 'kernel') },
  ]) {
    await writeFile(join(folder, name), bytes);
    await tools.mcopy('-i', drive, join(folder, name), '::');
  }
  return path;
}

/** What `fsck.fat -n` finds: it exits with an error if that is anything. */
async function checkFat(image: string, { startSector, bootMiB }: Geometry): Promise<string> {
  const bytes = (await readFile(image)).subarray(startSector * 512, startSector * 512 + bootMiB * mebibyte);
  await writeFile(`${image}.fat`, bytes);
  return (await foreign()).fsck('-n', `${image}.fat`);
}

describe.skipIf(!usable)('programs that are not ours', () => {
  it.each(Object.entries(geometries))('find a card %s clean, and read its files', async (_name, geometry) => {
    const folder = await tempDir();
    const image = await makeImage(folder, geometry);
    const files = [
      {
        path: `fieldline/parts/${'0123456789abcdef'.repeat(4)}`,
        bytes: Buffer.from(Array.from({ length: 900_001 }, (_, at) => (at * 13) % 256)),
      },
      { path: 'fieldline/etc/edge.yaml', bytes: Buffer.from('edge:\n') },
      { path: 'fieldline/Größe und Länge.txt', bytes: Buffer.from('ü') },
      { path: 'cmdline.txt', bytes: Buffer.from('console=tty1 systemd.run=/boot/firstrun.sh\n') },
    ];
    const edit = (boot: BootPartition): void => {
      for (const file of files) boot.write(file);
      boot.remove('kernel8.img');
    };
    const out = join(folder, 'pi.img');
    await writeImage({ source: await openImage(image), out, timeMs, edit });
    expect(await checkFat(out, geometry)).toMatch(/\d+ files/);
    const { mcopy, mdir } = await foreign();
    const drive = `${out}@@${geometry.startSector * 512}`;
    for (const { path, bytes } of files) {
      await mcopy('-n', '-i', drive, `::${path}`, join(folder, 'back'));
      expect((await readFile(join(folder, 'back'))).equals(bytes), path).toBe(true);
    }
    expect(await mdir('-b', '-/', '-i', drive, '::')).not.toMatch(/kernel8/);
    expect(await mdir('-i', drive, '::fieldline/etc')).toMatch(/2026-07-07 +8:09 +edge\.yaml/);
  });

  it('find a card clean that is written again and again, in pieces and to the end', async () => {
    const folder = await tempDir();
    const image = await makeImage(folder, pi);
    const { mdel } = await foreign();
    for (let round = 0; round < 2; round++) {
      const card = await openCard(image, { timeMs: timeMs + round * 60_000 });
      for (let index = 0; index < 24; index++) {
        card.boot.write({ path: `many/file number ${index}.bin`, bytes: Buffer.alloc(100_000 + 1000 * round, index) });
      }
      for (let index = round; index < 24; index += 2) card.boot.remove(`many/file number ${index}.bin`);
      card.boot.write({ path: 'rest', bytes: Buffer.alloc(card.boot.freeBytes() - 4096, round) });
      expect(card.boot.freeBytes()).toBeLessThan(8192);
      card.boot.remove('rest');
      card.close();
      await checkFat(image, pi);
      // What another program does in between is seen.
      await mdel('-i', `${image}@@${pi.startSector * 512}`, `::many/file number ${round + 1}.bin`);
    }
  });

  it('mark a card that was pulled out, and we say so', async () => {
    const folder = await tempDir();
    const image = await makeImage(folder, pi);
    const file = await open(image, 'r+');
    // Linux sets this bit while a FAT is mounted for writing.
    await file.write(Buffer.from([1]), 0, 1, pi.startSector * 512 + 65);
    await file.close();
    const card = await openCard(image);
    expect(card.warnings).toEqual([expect.stringMatching(/not closed properly/)]);
    card.close();
  });
});

const xzIsThere = await run('xz', ['--version']).then(
  () => true,
  () => false,
);

// Not a server that we install: it is part of nearly every Linux, and what our decoder cannot read is rare.
describe.skipIf(!xzIsThere)('an image that the program xz packed', () => {
  it.each<[string, string[]]>([
    ['as for Raspberry Pi OS', ['-1', '-T2', '--block-size=512KiB']],
    ['with its largest window', ['--lzma2=preset=1,dict=64MiB']],
    ['with a check by SHA-256', ['-1', '--check=sha256']],
    ['with a filter for machine code', ['--x86', '--lzma2=preset=1']],
    ['with a window that is too large for us', ['--lzma2=preset=1,dict=128MiB']],
  ])('%s is read', async (_what, words) => {
    const path = join(await tempDir(), 'image');
    const image = Buffer.alloc(2 * mebibyte);
    for (let at = 0; at < mebibyte / 4; at += 4) image.writeUInt32LE(Math.imul(at, 2654435761) >>> 0, at);
    image.writeUInt16LE(0xaa55, 510);
    await writeFile(path, image);
    await run('xz', ['-k', ...words, path]);
    const source = await openImage(`${path}.xz`);
    expect(source.imageBytes).toBe(image.length);
    const chunks: Buffer[] = [];
    for await (const chunk of source.read()) chunks.push(Buffer.from(chunk));
    expect(Buffer.concat(chunks).equals(image)).toBe(true);
  });
});
