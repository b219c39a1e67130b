import { compress } from '@napi-rs/lzma/xz';
import fc from 'fast-check';
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { RejectedError } from '../../../../core/runtime/errors.js';
import type { ImageSource, OpenImageOptions } from '../../../../edge/image/source/image-source.js';
import { openImage } from '../../../../edge/image/source/open-image.js';
import { xzOf, zipOf } from '../../../support/packed-image.js';
import { tempDir } from '../../../support/temp-dir.js';

/** Begins as a disk does; part of it packs well, part does not. */
const image = Buffer.alloc(1_500_000);
for (let at = 0; at < 400_000; at += 4) image.writeUInt32LE(Math.imul(at, 2654435761) >>> 0, at);
image.writeUInt16LE(0xaa55, 510);
const xz = await compress(image);

async function laid(bytes: Uint8Array, name = 'card.img'): Promise<string> {
  const path = join(await tempDir(), name);
  await writeFile(path, bytes);
  return path;
}

async function open(bytes: Uint8Array, options?: OpenImageOptions): Promise<ImageSource> {
  return openImage(await laid(bytes), options);
}

async function wholeOf(source: ImageSource): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of source.read()) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

const gz = gzipSync(image);
const twice = Buffer.concat([image, image]);
const padding = Buffer.alloc(8);
const note = { name: 'README.txt', bytes: Buffer.from('read me') };
const member = { name: 'os/2025-11-24-raspios.img', bytes: image };

const small = Buffer.alloc(3000, 'abc');
small.writeUInt16LE(0xaa55, 510);
const packedSmall = await compress(small);

function changed(bytes: Uint8Array, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at]! ^= 0x10;
  return copy;
}

async function expectDamaged(bytes: Uint8Array): Promise<void> {
  const path = await laid(bytes, 'raspios.download');
  const read = async (): Promise<number> => (await wholeOf(await openImage(path))).length;
  await expect(read()).rejects.toMatchObject({ code: 'corrupt', message: expect.stringContaining(path) as string });
}

async function damageInAnyWay(bases: readonly Uint8Array[], numRuns: number): Promise<void> {
  const path = join(await tempDir(), 'fuzzed');
  const change = fc.tuple(fc.nat({ max: 1200 }), fc.nat({ max: 255 }));
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...bases),
      fc.array(change, { maxLength: 4 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      async (base, changes, kept) => {
        const bytes = Buffer.from(base);
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        await writeFile(path, bytes.subarray(0, Math.ceil(bytes.length * Math.min(1, kept * 1.5))));
        await readDamaged(path);
      },
    ),
    { numRuns },
  );
}

async function readDamaged(path: string): Promise<void> {
  try {
    const source = await openImage(path, { maxImageBytes: 1_000_000 });
    const { length } = await wholeOf(source);
    expect(length).toBe(source.imageBytes ?? length);
  } catch (error) {
    expect(error).toBeInstanceOf(RejectedError);
    expect((error as Error).message).toContain(path);
  }
}

async function readHalf(packed: Uint8Array): Promise<void> {
  const source = await open(packed);
  const seen: number[] = [];
  for await (const chunk of source.read({ onProgress: ({ readBytes }) => seen.push(readBytes) }))
    expect(chunk.length).toBeGreaterThan(0);
  expect(seen.at(-1)).toBeGreaterThan(350_000);
  const stop = new AbortController();
  const read = async (): Promise<void> => {
    for await (const chunk of source.read({ signal: stop.signal }))
      stop.abort(new Error(`enough after ${chunk.length}`));
  };
  await expect(read()).rejects.toThrow(/enough after/);
  // One that is left half way does not keep the next from being read.
  for await (const chunk of source.read()) if (chunk.length > 0) break;
  expect((await wholeOf(source)).length).toBe(image.length);
}

interface Unpacker {
  readonly by: string;
  readonly hasProgram: boolean;
}

/** With the program xz on the PATH, and with nothing there. */
const unpackers: readonly Unpacker[] = [
  { by: 'the program xz', hasProgram: true },
  { by: 'our decoder', hasProgram: false },
];

function useUnpacker({ hasProgram }: Unpacker): void {
  beforeEach(async () => {
    if (!hasProgram) vi.stubEnv('PATH', await tempDir());
  });
  afterEach(() => void vi.unstubAllEnvs());
}

describe.each(unpackers)('xz by $by', (unpacker) => {
  useUnpacker(unpacker);

  it.each<[string, Uint8Array, Buffer]>([
    ['as it is', xz, image],
    ['in many blocks', xzOf(image, { blockBytes: 100_000 }), image],
    ['in two streams', Buffer.concat([xz, xz]), twice],
    ['with padding between and behind', Buffer.concat([xz, padding, xz, padding]), twice],
  ])('comes out as it went in: %s', async (_what, packed, expected) => {
    const source = await open(packed);
    expect(source).toMatchObject({ format: 'xz', imageBytes: expected.length, mayRest: unpacker.hasProgram });
    expect((await wholeOf(source)).equals(expected)).toBe(true);
    // A second time, as for the next card of a batch.
    expect((await wholeOf(source)).equals(expected)).toBe(true);
  });

  it.each<[string, Uint8Array]>([
    ['cut short', xz.subarray(0, 300_000)],
    ['with something behind it', Buffer.concat([xz, Buffer.from('more')])],
    ['one bit of the data', changed(xzOf(image), 200_000)],
    ['one bit of a header', changed(xz, 14)],
  ])('is found to be damaged, and named: %s', (_what, bytes) => expectDamaged(bytes));

  it('damaged in any way ends with an error of ours, or with what it says that it holds', () =>
    damageInAnyWay([packedSmall, xzOf(small, { blockBytes: 1000 })], 60));

  it('tells how far it is, and ends when it is asked to', () => readHalf(xz));
});

describe('the program xz', () => {
  /** A program of this name, with what it says it is. */
  async function programOf(version: string, otherwise: string): Promise<void> {
    const folder = await tempDir();
    const script = `#!/bin/sh\ncase "$1" in --version) echo "${version}" ;; *) ${otherwise} ;; esac\n`;
    await writeFile(join(folder, 'xz'), script, { mode: 0o755 });
    vi.stubEnv('PATH', `${folder}:/usr/bin:/bin`);
    onTestFinished(() => void vi.unstubAllEnvs());
  }

  it('is another one elsewhere: then it is not asked', async () => {
    await programOf('BusyBox v1.36', 'exit 1');
    expect((await wholeOf(await open(xz))).equals(image)).toBe(true);
  });

  it.each([
    ['kill -KILL $$', /SIGKILL/],
    ['echo "xz: (stdin): Cannot allocate memory" >&2; exit 1', /: Cannot allocate memory$/],
  ])('that is kept from its work says nothing of the file: %s', async (otherwise, message) => {
    await programOf('xz (XZ Utils) 5.4.1', otherwise);
    await expect(open(xz).then(wholeOf)).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(message) as string,
    });
  });

  it('complains in words that are passed on', async () => {
    await programOf('xz (XZ Utils) 5.4.1', 'echo "xz: (stdin): Compressed data is corrupt" >&2; exit 1');
    await expect(open(xz).then(wholeOf)).rejects.toThrow(
      /card\.img is damaged or cut short: Compressed data is corrupt$/,
    );
  });
});

describe('an image comes out as it went in', () => {
  it.each<[string, Uint8Array, string, Buffer, number | undefined]>([
    ['img', image, 'img', image, image.length],
    ['gz', gz, 'gz', image, undefined],
    ['gz in two members', Buffer.concat([gz, gz]), 'gz', twice, undefined],
    ['zip', zipOf([note, member]), 'zip', image, image.length],
    ['zip, stored', zipOf([{ ...member, stored: true }]), 'zip', image, image.length],
    ['zip64', zipOf([note, { ...member, zip64: true }]), 'zip', image, image.length],
    [
      'zip of a Mac',
      zipOf([member, { name: '__MACOSX/os/._2025-11-24-raspios.img', bytes: Buffer.from('x') }]),
      'zip',
      image,
      image.length,
    ],
  ])('%s', async (_what, packed, format, expected, imageBytes) => {
    const source = await open(packed);
    expect(source).toMatchObject({ format, imageBytes, fileBytes: packed.length });
    expect((await wholeOf(source)).equals(expected)).toBe(true);
    // A second time, as for the next card of a batch.
    expect((await wholeOf(source)).equals(expected)).toBe(true);
  });
});

describe('what is not the image of a card is named', () => {
  it.each<[string, Uint8Array, RegExp]>([
    ['nothing', Buffer.alloc(0), /is empty/],
    ['a web page', Buffer.from('<!DOCTYPE html><title>Sign in</title>'), /a web page/],
    ['zstd', Buffer.from('28b52ffd00', 'hex'), /a zstd file/],
    ['text', Buffer.from('hello'), /no partition table/],
    ['a zip without an image', zipOf([note]), /holds no \.img; it holds README\.txt/],
    [
      'a zip with two images',
      zipOf([member, { ...member, name: 'b.img' }]),
      /holds 2 images \(os.*raspios\.img, b\.img\)/,
    ],
    ['an encrypted zip', zipOf([{ ...member, encrypted: true }]), /is encrypted/],
    ['a zip of another method', zipOf([{ ...member, method: 93 }]), /method 93/],
  ])('%s', async (_what, bytes, message) => {
    await expect(open(bytes)).rejects.toThrow(message);
    await expect(open(bytes)).rejects.toMatchObject({ name: 'RejectedError', code: 'refused' });
  });

  it.each([
    ['a check by SHA-256', { check: 10 }],
    ['a filter of another kind', { filter: 0x03 }],
    ['a window of 1024 MiB', { window: 36 }],
  ])('xz with %s, where the program xz is missing', async (_what, options) => {
    const source = await open(xzOf(image, options));
    vi.stubEnv('PATH', await tempDir());
    onTestFinished(() => void vi.unstubAllEnvs());
    await expect(wholeOf(source)).rejects.toMatchObject({
      code: 'refused',
      message: expect.stringMatching(/needs the program xz/) as string,
    });
  });

  it('a file that is not there, or a folder', async () => {
    const folder = await tempDir();
    await expect(openImage(join(folder, 'none.img'))).rejects.toThrow(/there is no file/);
    await expect(openImage(folder)).rejects.toThrow(/is not a file/);
  });
});

describe('a damaged file', () => {
  it.each<[string, Uint8Array]>([
    ['gz, cut short', gz.subarray(0, 300_000)],
    ['gz, one bit', changed(gz, 200_000)],
    ['zip, cut short', zipOf([member]).subarray(0, 300_000)],
    ['zip, one bit', changed(zipOf([{ ...member, stored: true }]), 200_000)],
  ])('is found, and named: %s', (_what, bytes) => expectDamaged(bytes));

  it('that is another than was announced is found before it is unpacked', async () => {
    const sha256 = createHash('sha256').update(gz).digest('hex');
    await expect(open(gz, { sha256: sha256.toUpperCase() })).resolves.toMatchObject({ format: 'gz' });
    await expect(open(gz, { sha256: sha256.replace(/^./, (c) => (c === '0' ? '1' : '0')) })).rejects.toThrow(sha256);
  });

  it('in any way ends with an error of ours, or with what it says that it holds', () =>
    damageInAnyWay([gzipSync(small), zipOf([{ name: 'a.img', bytes: small }])], 90));
});

describe('reading', () => {
  it.each<[string, Uint8Array]>([
    ['img', image],
    ['gz', gz],
    ['zip', zipOf([member])],
  ])('tells how far it is, and ends when it is asked to: %s', (_what, packed) => readHalf(packed));

  it('ends where an image becomes larger than any card', async () => {
    const options = { maxImageBytes: 1_000_000 };
    for (const packed of [image, xz, zipOf([member])])
      await expect(open(packed, options)).rejects.toMatchObject({ code: 'too-large' });
    await expect(wholeOf(await open(gz, options))).rejects.toMatchObject({ code: 'too-large' });
  });

  it('takes the image of a zip that was asked for', async () => {
    const other = Buffer.from(image).fill(7, 1000);
    const zip = zipOf([member, { name: 'os/other.img', bytes: other }]);
    expect((await wholeOf(await open(zip, { member: 'other.img' }))).equals(other)).toBe(true);
    await expect(open(zip, { member: 'third.img' })).rejects.toThrow(/holds 0 files named third\.img/);
  });
});
