import { readFileSync } from 'node:fs';
import { open, readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { gzipSync } from 'node:zlib';
import type { BootPartition } from '../../../../edge/image/boot-partition.js';
import type { WriteImageOptions } from '../../../../edge/image/card-types.js';
import { openCard } from '../../../../edge/image/card/open-card.js';
import { verifyCard } from '../../../../edge/image/card/verify-card.js';
import { writeImage } from '../../../../edge/image/card/write-image.js';
import type { ImageSource } from '../../../../edge/image/source/image-source.js';
import { openImage } from '../../../../edge/image/source/open-image.js';
import { makeCardImage, mebibyte, type CardSpec } from '../../../support/card-image.js';
import { tempDir } from '../../../support/temp-dir.js';

const timeMs = Date.UTC(2026, 4, 6, 7, 8, 9);
const secret = { path: 'fieldline/secrets/token', bytes: Buffer.from('s3cret') };
const part = { path: `fieldline/parts/${'ab'.repeat(32)}`, bytes: Buffer.alloc(700_000, 'part of a release ') };

function edit(boot: BootPartition): void {
  boot.write(part);
  boot.write(secret);
  boot.write({
    path: 'Cmdline.txt',
    bytes: Buffer.from(`${Buffer.from(boot.read('cmdline.txt')!).toString().trim()} more\n`),
  });
}

interface Bench {
  readonly folder: string;
  readonly out: string;
  readonly source: ImageSource;
  write(options?: Partial<WriteImageOptions>): ReturnType<typeof writeImage>;
}

async function bench(spec: CardSpec = { fat: 'FAT16' }): Promise<Bench> {
  const folder = await tempDir();
  const path = join(folder, 'raspios.img');
  await makeCardImage(path, spec);
  const source = await openImage(path);
  const out = join(folder, 'pi-07.img');
  return { folder, out, source, write: (options) => writeImage({ source, out, timeMs, edit, ...options }) };
}

const sha256 = async (path: string): Promise<string> =>
  createHash('sha256')
    .update(await readFile(path))
    .digest('hex');

describe.each<CardSpec>([{ fat: 'FAT16' }, { fat: 'FAT32' }, { fat: 'FAT32', scheme: 'gpt' }])(
  'the image %j',
  (spec) => {
    it('is copied with its edits and nothing else, and takes on disk what it holds', async () => {
      const { folder, out, source, write } = await bench(spec);
      const steps = new Set<string>();
      const written = await write({ onProgress: ({ step }) => steps.add(step) });
      expect([...steps]).toEqual(['copy', 'edit', 'sync', 'verify']);
      expect(written).toMatchObject({ path: out, imageBytes: source.imageBytes, warnings: [] });
      expect(written.files.map(({ path }) => path)).toEqual([part.path, secret.path, 'Cmdline.txt']);
      expect(await readdir(folder)).toEqual(['pi-07.img', 'raspios.img']);
      const card = await openCard(out);
      expect(Buffer.from(card.boot.read('cmdline.txt')!).toString()).toMatch(/rootwait more\n$/);
      expect(card.boot.list('fieldline')).toEqual(['parts/', 'secrets/']);
      const { startBytes, sizeBytes } = card.partition;
      card.close();
      const [before, after] = [await readFile(source.path), await readFile(out)];
      for (const image of [before, after]) image.fill(0, startBytes, startBytes + sizeBytes);
      expect(after.equals(before)).toBe(true);
      expect((await stat(out)).blocks * 512).toBeLessThan(4 * mebibyte);
    });
  },
);

it('is the same bytes each time, from whichever packing', async () => {
  const { folder, source, out, write } = await bench();
  await write();
  const packed = join(folder, 'raspios.img.gz');
  await writeFile(packed, gzipSync(await readFile(source.path)));
  const again = join(folder, 'again.img');
  await write({ source: await openImage(packed), out: again });
  expect(await sha256(again)).toBe(await sha256(out));
});

describe('a target that exists', () => {
  it('is refused as long as nobody wants it replaced', async () => {
    const { out, folder, write } = await bench();
    await writeFile(out, 'precious');
    await expect(write()).rejects.toMatchObject({
      code: 'refused',
      message: expect.stringContaining('exists already') as string,
    });
    expect(await readFile(out, 'utf8')).toBe('precious');
    expect(await readdir(folder)).toEqual(['pi-07.img', 'raspios.img']);
    await write({ overwrite: true });
    expect((await stat(out)).size).toBeGreaterThan(20 * mebibyte);
    await expect(write({ out: folder, overwrite: true })).rejects.toThrow(/is not a file/);
  });

  it('is refused too if it appears during the writing', async () => {
    const { out, write } = await bench();
    await expect(write({ edit: () => writeFile(out, 'precious') })).rejects.toThrow(/exists already/);
    expect(await readFile(out, 'utf8')).toBe('precious');
  });

  it('and the rest of a killed run beside it do not keep one another', async () => {
    const { out, folder, write } = await bench();
    await writeFile(`${out}.partial`, 'half');
    await write();
    expect(await readdir(folder)).toEqual(['pi-07.img', 'raspios.img']);
  });
});

describe('nothing is left', () => {
  const left = (folder: string): Promise<string[]> =>
    readdir(folder).then((names) => names.filter((name) => name.startsWith('pi-07')));

  it('of an edit that fails', async () => {
    const { folder, write } = await bench();
    const failing = (boot: BootPartition): void => {
      edit(boot);
      throw new Error('no such release');
    };
    await expect(write({ edit: failing })).rejects.toThrow('no such release');
    expect(await left(folder)).toEqual([]);
  });

  it('of an edit for which there is no room', async () => {
    const { folder, write } = await bench();
    const large = (boot: BootPartition): void => boot.write({ path: 'large', bytes: Buffer.alloc(17 * mebibyte) });
    await expect(write({ edit: large })).rejects.toMatchObject({
      code: 'disk-full',
      message: expect.stringMatching(/raspios\.img: no room for large/) as string,
    });
    expect(await left(folder)).toEqual([]);
  });

  it.each(['copy', 'edit', 'sync', 'verify'])('of what is aborted at the step %s', async (when) => {
    const { folder, write } = await bench();
    const stop = new AbortController();
    const onProgress: WriteImageOptions['onProgress'] = ({ step }) =>
      void (step === when && stop.abort(new Error('enough')));
    await expect(write({ signal: stop.signal, onProgress })).rejects.toThrow('enough');
    expect(await left(folder)).toEqual([]);
  });

  it('of an image that is cut short, or none', async () => {
    const { folder, source, out } = await bench();
    await truncate(source.path, 12 * mebibyte);
    const write = async (path: string): Promise<unknown> =>
      writeImage({ source: await openImage(path), out, timeMs, edit });
    await expect(write(source.path)).rejects.toMatchObject({
      code: 'corrupt',
      message: expect.stringMatching(/raspios\.img: partition 1 .* cut short/) as string,
    });
    const packed = join(folder, 'archive.gz');
    await writeFile(packed, gzipSync(Buffer.alloc(3 * mebibyte, 'tar')));
    await expect(write(packed)).rejects.toMatchObject({ code: 'refused' });
    expect(await left(folder)).toEqual([]);
  });

  it('of another kind of card', async () => {
    const { folder, write } = await bench({
      fat: 'FAT16',
      files: [{ path: 'recovery.cmdline', bytes: Buffer.from('x') }],
    });
    await expect(write()).rejects.toThrow(/raspios\.img: its FAT has no cmdline\.txt .* NOOBS/);
    expect(await left(folder)).toEqual([]);
  });
});

describe('a card in its reader (a file takes its place here)', () => {
  async function card(sizeBytes: number): Promise<Bench & { readonly node: string }> {
    const all = await bench();
    const node = join(all.folder, 'mmcblk9');
    await writeFile(node, Buffer.alloc(sizeBytes, 'of another system '));
    return { ...all, node };
  }

  it('is written in place, zeros too, and read back as a whole', async () => {
    const { out, node, write, source } = await card(25 * mebibyte);
    await write();
    let verified = 0;
    const written = await write({
      out: node,
      device: true,
      onProgress: ({ step, doneBytes }) => void (step === 'verify' && (verified = doneBytes)),
    });
    expect(verified).toBe(source.imageBytes);
    expect(written.writtenBytes).toBe(source.imageBytes);
    const bytes = await readFile(node);
    expect(bytes.subarray(0, source.imageBytes).equals(await readFile(out))).toBe(true);
    expect(bytes.length).toBe(25 * mebibyte);
    expect(await verifyCard(node, written.files)).toMatchObject({ different: [] });
  });

  it('whose writing breaks off has no partition table, not even its old one', async () => {
    const { node, write } = await card(25 * mebibyte);
    await write({ out: node, device: true });
    const failing = (): void => {
      throw new Error('pulled out');
    };
    await expect(write({ out: node, device: true, edit: failing })).rejects.toThrow('pulled out');
    await expect(openCard(node)).rejects.toThrow(/first sector is empty/);
  });

  it('is refused, and left alone, if it is too small', async () => {
    const { node, write } = await card(8 * mebibyte);
    const before = await sha256(node);
    await expect(write({ out: node, device: true })).rejects.toMatchObject({ code: 'too-large' });
    expect(await sha256(node)).toBe(before);
  });

  it('that does not keep what it is given is found', async () => {
    const { node, write } = await card(25 * mebibyte);
    // The edit is the last moment at which somebody else can reach the card before it is read back.
    const spoil = async (boot: BootPartition): Promise<void> => {
      edit(boot);
      const file = await open(node, 'r+');
      await file.write(Buffer.from('worn'), 0, 4, 21 * mebibyte);
      await file.close();
    };
    await expect(write({ out: node, device: true, edit: spoil })).rejects.toThrow(/worn or counterfeit/);
    await expect(openCard(node)).rejects.toThrow(/first sector is empty/);
  });
});

describe('what the system refuses is said in a sentence', () => {
  it.each<[string, Partial<WriteImageOptions>]>([
    ['a folder that is not there', { out: '/nowhere/at/all.img' }],
    ['a device that is not there', { out: '/dev/fieldline-none', device: true }],
  ])('%s', async (_what, options) => {
    const { write } = await bench();
    await expect(write(options)).rejects.toMatchObject({
      code: 'refused',
      message: expect.stringContaining(`there is no ${options.out}`) as string,
    });
  });

  it('but not what an edit has to say of its own files', async () => {
    const { write } = await bench();
    await expect(write({ edit: () => void readFileSync('/no/such/file') })).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

it('verifies the files of a card later, and says which are missing or others', async () => {
  const { out, write } = await bench();
  const { files } = await write();
  expect(await verifyCard(out, files)).toEqual({ same: files.map(({ path }) => path), different: [], warnings: [] });
  const card = await openCard(out, { timeMs });
  card.boot.remove(secret.path);
  card.boot.write({ path: part.path, bytes: Buffer.from('other') });
  card.close();
  expect(await verifyCard(out, files)).toMatchObject({
    same: ['Cmdline.txt'],
    different: [
      { path: part.path, reason: 'differs' },
      { path: secret.path, reason: 'missing' },
    ],
  });
});
