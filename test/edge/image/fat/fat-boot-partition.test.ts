import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RejectedError } from '../../../../core/runtime/errors.js';
import { checkBootFiles } from '../../../../edge/image/fat/boot-check.js';
import { openFat, type FatBootPartition } from '../../../../edge/image/fat/fat-boot-partition.js';
import { formatFat } from '../../../support/card-image.js';
import { memoryBlocks, type MemoryBlocks } from '../../../support/memory-blocks.js';

const mebibyte = 1024 * 1024;
const timeMs = Date.UTC(2026, 1, 3, 4, 5, 6);
const kinds = ['FAT16', 'FAT32'] as const;

async function freshFat(kind: 'FAT16' | 'FAT32'): Promise<MemoryBlocks> {
  const blocks = memoryBlocks(kind === 'FAT32' ? 36 * mebibyte : 4 * mebibyte);
  await formatFat(blocks, kind);
  return blocks;
}

async function openFresh(kind: 'FAT16' | 'FAT32'): Promise<FatBootPartition> {
  return openFat({ blocks: await freshFat(kind), timeMs });
}

const text = (bytes: Uint8Array | undefined): string | undefined => bytes && Buffer.from(bytes).toString();

describe.each(kinds)('%s', (kind) => {
  it('gives back what was written, under long names and in new folders', async () => {
    const blocks = await freshFat(kind);
    const boot = await openFat({ blocks, timeMs });
    const long = `fieldline/parts/${'0123456789abcdef'.repeat(4)}`;
    const large = Buffer.from(Array.from({ length: 700_001 }, (_, at) => at % 251));
    boot.write({ path: long, bytes: large });
    boot.write({ path: 'fieldline/etc/Ünïcode name, with spaces.txt', bytes: Buffer.from('grüezi') });
    boot.write({ path: '/empty', bytes: new Uint8Array() });
    boot.close();
    const again = await openFat({ blocks });
    expect(Buffer.from(again.read(long)!).equals(large)).toBe(true);
    expect(text(again.read('fieldline/etc/Ünïcode name, with spaces.txt'))).toBe('grüezi');
    expect(again.read('empty')).toEqual(new Uint8Array());
    expect(again.list()).toEqual(['fieldline/', 'empty']);
    expect(again.list('fieldline/')).toEqual(['parts/', 'etc/']);
    expect(() => again.write({ path: 'a', bytes: new Uint8Array(1) })).toThrow();
  });

  it('compares names without case, replaces and removes', async () => {
    const boot = await openFresh(kind);
    boot.write({ path: 'Config.txt', bytes: Buffer.alloc(5000, 'old') });
    const freeBytes = boot.freeBytes();
    boot.write({ path: 'CONFIG.TXT', bytes: Buffer.from('new') });
    expect(text(boot.read('config.txt'))).toBe('new');
    expect(boot.list()).toHaveLength(1);
    expect(boot.freeBytes()).toBe(freeBytes + 9 * 512);
    boot.remove('cOnFiG.txt');
    boot.remove('never-there/at-all');
    expect([boot.read('config.txt'), boot.list(), boot.list('nowhere')]).toEqual([undefined, [], []]);
  });

  it('refuses what has no room before it touches anything', async () => {
    const boot = await openFresh(kind);
    boot.write({ path: 'cmdline.txt', bytes: Buffer.from('keep me') });
    const before = boot.freeBytes();
    expect(() => boot.write({ path: 'cmdline.txt', bytes: Buffer.alloc(before + 1024) })).toThrow(
      expect.objectContaining({ code: 'disk-full' }),
    );
    expect(() => boot.write({ path: 'new/folder/file', bytes: Buffer.alloc(before - 1024) })).toThrow(/are free/);
    expect([text(boot.read('cmdline.txt')), boot.list(), boot.freeBytes()]).toEqual([
      'keep me',
      ['cmdline.txt'],
      before,
    ]);
  });

  it('fills the last cluster, and reads a file that lies in pieces', async () => {
    const boot = await openFresh(kind);
    for (let index = 0; boot.freeBytes() > 64 * 1024; index++) {
      boot.write({
        path: `piece-${index}`,
        bytes: Buffer.alloc(Math.min(256 * 1024, boot.freeBytes() - 32 * 1024), index),
      });
    }
    for (const name of boot.list()) if (Number(name.slice(6)) % 2 === 1) boot.remove(name);
    const scattered = Buffer.from(Array.from({ length: 600_000 }, (_, at) => (at * 7) % 253));
    boot.write({ path: 'scattered', bytes: scattered });
    boot.write({ path: 'rest', bytes: Buffer.alloc(boot.freeBytes() - 512, 'r') });
    expect(boot.freeBytes()).toBeLessThanOrEqual(512);
    expect(Buffer.from(boot.read('scattered')!).equals(scattered)).toBe(true);
    expect(Buffer.from(boot.read('piece-0')!).every((byte) => byte === 0)).toBe(true);
  });

  it('is the same bytes each time, whatever the clock and the zone of the machine', async () => {
    const write = async (): Promise<Buffer> => {
      const blocks = await freshFat(kind);
      const boot = await openFat({ blocks, timeMs });
      boot.write({ path: 'fieldline/install.sh', bytes: Buffer.from('#!/bin/sh\n') });
      boot.write({ path: 'cmdline.txt', bytes: Buffer.from('a') });
      boot.remove('cmdline.txt');
      boot.close();
      return blocks.bytes;
    };
    const [first, second] = [await write(), await write()];
    expect(first.equals(second)).toBe(true);
    // 2026-02-03 04:05:06 as FAT writes it, in each of: a folder, its two links, a file.
    const stamp = Buffer.from([0xa3, 0x20, 0x43, 0x5c]);
    expect(first.toString('latin1').split(stamp.toString('latin1')).length - 1).toBeGreaterThanOrEqual(4);
  });

  it(
    'of which any bytes are changed gives errors of ours, ends, and writes nowhere else',
    { timeout: 60_000 },
    async () => {
      const base = await freshFat(kind);
      const boot = await openFat({ blocks: base, timeMs });
      for (let index = 0; index < 8; index++)
        boot.write({ path: `folder/file-${index}.txt`, bytes: Buffer.alloc(2000, index) });
      boot.close();
      const used = 64 * 1024 + (kind === 'FAT32' ? 2 * 300 * 1024 * 2 : 0);
      const change = fc.tuple(fc.oneof(fc.nat({ max: 600 }), fc.nat({ max: used })), fc.nat({ max: 255 }));
      const copy = memoryBlocks(base.sizeBytes);
      await fc.assert(
        fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 10 }), async (changes) => {
          copy.bytes.set(base.bytes.subarray(0, 2 * used));
          for (const [at, value] of changes) copy.bytes[at] = value;
          await useDamaged(copy);
        }),
        { numRuns: 60 },
      );
    },
  );
});

/** `memoryBlocks` throws for what lies outside, which FatFs could then only have written. */
async function useDamaged(blocks: MemoryBlocks): Promise<void> {
  let outside = 0;
  const watched = {
    ...blocks,
    write: (at: number, bytes: Uint8Array) => {
      if (at + bytes.length > blocks.sizeBytes) outside++;
      blocks.write(at, bytes);
    },
  };
  try {
    const boot = await openFat({ blocks: watched, timeMs });
    for (const name of boot.list('folder')) if (!name.endsWith('/')) boot.read(`folder/${name}`);
    boot.write({ path: 'folder/file-1.txt', bytes: Buffer.alloc(5000, 1) });
    boot.write({ path: 'another/file', bytes: Buffer.alloc(5000, 2) });
    boot.remove('folder/file-2.txt');
    boot.close();
  } catch (error) {
    expect(error).toBeInstanceOf(RejectedError);
  }
  expect(outside).toBe(0);
}

describe('a path that a FAT cannot hold', () => {
  it.each([
    '',
    'a//b',
    '../a',
    'a/..',
    'a:b',
    'what?',
    'dot.',
    'space ',
    ' space',
    'back\\slash',
    'new\nline',
    'x'.repeat(256),
  ])('is refused: %j', async (path) => {
    const boot = await openFresh('FAT16');
    expect(() => boot.write({ path, bytes: new Uint8Array(1) })).toThrow(expect.objectContaining({ code: 'refused' }));
    expect(boot.list()).toEqual([]);
  });

  it('is one that ends at a folder, or leads through a file', async () => {
    const boot = await openFresh('FAT16');
    boot.write({ path: 'folder/file', bytes: new Uint8Array(1) });
    expect(() => boot.write({ path: 'folder', bytes: new Uint8Array(1) })).toThrow(/is a folder/);
    expect(() => boot.write({ path: 'folder/file/deeper', bytes: new Uint8Array(1) })).toThrow(RejectedError);
    expect(() => boot.remove('folder')).toThrow(/not empty/);
    expect(boot.read('folder')).toBeUndefined();
  });
});

it('says when a FAT16 has no room for more names in its root', async () => {
  const boot = await openFresh('FAT16');
  const fill = (): void => {
    for (let index = 0; index < 600; index++) boot.write({ path: `f${index}`, bytes: new Uint8Array() });
  };
  expect(fill).toThrow(/a folder that is full/);
});

it('counts free clusters itself, and corrects a count that is wrong', async () => {
  const blocks = await freshFat('FAT32');
  const honest = blocks.bytes.readUInt32LE(512 + 488);
  blocks.bytes.writeUInt32LE(7, 512 + 488);
  const boot = await openFat({ blocks, timeMs });
  expect(boot.freeBytes()).toBe(honest * 512);
  boot.write({ path: 'a', bytes: new Uint8Array(1) });
  boot.close();
  expect(blocks.bytes.readUInt32LE(512 + 488)).toBe(honest - 1);
});

it('opened without a time is never written', async () => {
  const blocks = await freshFat('FAT32');
  const before = Buffer.from(blocks.bytes);
  const boot = await openFat({ blocks });
  expect(boot.freeBytes()).toBeGreaterThan(0);
  expect(() => boot.write({ path: 'a', bytes: new Uint8Array(1) })).toThrow();
  boot.close();
  expect(blocks.bytes.equals(before)).toBe(true);
});

describe('the files of another kind of card', () => {
  it.each([
    [['recovery.cmdline', 'recovery.rfs', 'os/'], /NOOBS/],
    [['EFI/', 'boot/'], /UEFI/],
    [['boot.scr', 'uEnv.txt', 'dtb/'], /U-Boot/],
    [[], /it holds nothing/],
    [['config.txt', 'kernel8.img'], /no cmdline\.txt, as .* it holds config\.txt, kernel8\.img/],
  ])('are named: %j', (names, message) => {
    expect(() => checkBootFiles(names)).toThrow(message);
  });

  it('are not asked for in lower case', () => {
    expect(() => checkBootFiles(['CMDLINE.TXT', 'Config.txt', 'overlays/'])).not.toThrow();
  });
});
