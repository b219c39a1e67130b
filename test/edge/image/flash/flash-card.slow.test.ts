import { createHash } from 'node:crypto';
import { readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { digestFile } from '../../../../edge/image/card/digest-file.js';
import { openCard } from '../../../../edge/image/card/open-card.js';
import { flashCard, type FlashCardOptions } from '../../../../edge/image/flash/flash-card.js';
import { bootHashes, checkBoot, checkCopy } from '../../../../edge/image/flash/check-copy.js';
import { peekBoot } from '../../../../edge/image/flash/peek.js';
import { planCard, type CardPlan, type CardWish } from '../../../../edge/image/flash/plan-card.js';
import type { ImageSource } from '../../../../edge/image/source/image-source.js';
import { openImage } from '../../../../edge/image/source/open-image.js';
import { bootStartBytes, makeCardImage, mebibyte } from '../../../support/card-image.js';
import { trixie } from '../../../support/flash-folder.js';
import { smallRelease } from '../../../support/installable-release.js';
import { tempDir } from '../../../support/temp-dir.js';

async function setup() {
  const folder = await tempDir();
  const base = join(folder, 'base.img');
  await makeCardImage(base, trixie);
  const source = await openImage(base);
  const card = await openCard(base);
  const wish: CardWish = {
    system: { hostname: 'pi-07', sshKeys: [], enable: [] },
    install: { ...(await smallRelease({ arch: 'arm64' })), identity: { kind: 'token', token: 'secret-of-pi-07' } },
    format: 'auto',
  };
  const plan = planCard(wish, card.boot);
  card.close();
  const steps = new Set<string>();
  const options: FlashCardOptions = {
    ...{ source, plan, out: join(folder, 'out.img'), device: false, overwrite: false, verify: true },
    timeMs: Date.UTC(2026, 0, 1),
    signal: new AbortController().signal,
    onProgress: ({ step }) => void steps.add(step),
  };
  return { folder, base, source, wish, plan, options, steps };
}

it('writes a card in place, as a device, and reads all of it back', async () => {
  const { folder, options, plan, base } = await setup();
  const node = join(folder, 'sdb');
  // What was there before is of another size, and none of it stays.
  await writeFile(node, Buffer.alloc(bootStartBytes, 0x5a));
  await truncate(node, 60 * mebibyte);
  const written = await flashCard({ ...options, out: node, device: true });
  expect(written.sha256).toBeUndefined();
  expect(written.files.map(({ path }) => path).sort()).toEqual(plan.files.map(({ path }) => path).sort());
  expect(written.fsverity).toBeUndefined();
  const file = await flashCard({ ...options, sha256: true });
  const [device, image] = await Promise.all([readFile(node), readFile(options.out)]);
  expect(device.subarray(0, image.length).equals(image)).toBe(true);
  expect(image.length).toBe((await stat(base)).size);
  expect(file.sha256).toBe(createHash('sha256').update(image).digest('hex'));
  expect(file.fsverity).toBe(await digestFile(options.out));
});

it('tells its steps, and stops when it is told to', async () => {
  const { options, steps } = await setup();
  await flashCard({ ...options, sha256: true });
  expect([...steps]).toEqual(expect.arrayContaining(['copy', 'hash']));
  const abort = new AbortController();
  const stopped = flashCard({
    ...options,
    out: `${options.out}2`,
    signal: abort.signal,
    onProgress: () => abort.abort(new Error('stopped')),
  });
  await expect(stopped).rejects.toThrow('stopped');
  await expect(stat(`${options.out}2`)).rejects.toMatchObject({ code: 'ENOENT' });
});

describe('a copy that is not what was written is found out', () => {
  it('outside of the boot partition', async () => {
    const { options, source } = await setup();
    await flashCard(options);
    const { partition, close } = await partitionOf(options.out);
    close();
    await expect(checkCopy(source, options.out, partition)).resolves.toBeUndefined();
    const bytes = await readFile(options.out);
    bytes[bytes.length - 5]! ^= 1;
    await writeFile(options.out, bytes);
    await expect(checkCopy(source, options.out, partition)).rejects.toMatchObject({ code: 'corrupt' });
    await truncate(options.out, bytes.length - 4096);
    await expect(checkCopy(source, options.out, partition)).rejects.toMatchObject({ code: 'corrupt' });
  });

  it('inside of it: a file that is missing, or another, or too many', async () => {
    const { base, plan, options } = await setup();
    const before = await openCard(base);
    const hashes = bootHashes(before.boot);
    before.close();
    await flashCard(options);
    const card = await openCard(options.out, { timeMs: 0 });
    expect(() => checkBoot(card.boot, hashes, plan)).not.toThrow();
    card.boot.write({ path: 'more.txt', bytes: Buffer.from('more') });
    expect(() => checkBoot(card.boot, hashes, plan)).toThrow(/boot partition does not hold what was written/);
    card.boot.remove('more.txt');
    card.boot.write({ path: 'kernel8.img', bytes: Buffer.from('another') });
    expect(() => checkBoot(card.boot, hashes, plan)).toThrow(/kernel8\.img/);
    card.boot.remove('fieldline/install.sh');
    expect(() => checkBoot(card.boot, hashes, plan)).toThrow(/fieldline\/install\.sh/);
    card.close();
  });
});

it('a card that was made once is made anew: nothing of the installer before is left', async () => {
  const { options, wish } = await setup();
  await flashCard(options);
  const made = await openCard(options.out);
  const again: CardPlan = planCard({ ...wish, install: { ...wish.install, identity: undefined } }, made.boot);
  made.close();
  const out = `${options.out}2`;
  const source = await openImage(options.out);
  await flashCard({ ...options, source, out, plan: again, verify: false });
  const card = await openCard(out);
  expect(card.boot.list('fieldline/secrets')).toEqual([]);
  expect(card.boot.list('fieldline')).toContain('install.sh');
  card.close();
});

describe('a packed image', () => {
  async function counted(mayRest: boolean) {
    const { folder, source, base } = await setup();
    const read = { bytes: 0, begun: 0, ended: 0 };
    const packed: ImageSource = {
      ...source,
      mayRest,
      async *read() {
        read.begun += 1;
        try {
          for await (const chunk of source.read()) {
            read.bytes += chunk.length;
            yield chunk;
          }
        } finally {
          read.ended += 1;
        }
      },
    };
    return { packed, read, base, peeked: join(folder, 'peek.img'), bytes: await readFile(base) };
  }

  async function wholeOf(source: ImageSource): Promise<Buffer> {
    const chunks: Buffer[] = [];
    for await (const chunk of source.read()) chunks.push(Buffer.from(chunk));
    return Buffer.concat(chunks);
  }

  it('is seen as far as is needed, and no further', async () => {
    const { packed, read, peeked, base, bytes } = await counted(true);
    const { close } = await peekBoot(packed, peeked);
    expect(read.bytes).toBeLessThan(bytes.length);
    const [whole, part] = [await openCard(base), await openCard(peeked)];
    expect(bootHashes(part.boot)).toEqual(bootHashes(whole.boot));
    whole.close();
    part.close();
    await close();
    expect(read).toMatchObject({ begun: 1, ended: 1 });
  });

  it('is unpacked once, and again when it is read again', async () => {
    const { packed, read, peeked, bytes } = await counted(true);
    const { source, close } = await peekBoot(packed, peeked);
    expect((await wholeOf(source)).equals(bytes)).toBe(true);
    expect(read).toEqual({ bytes: bytes.length, begun: 1, ended: 1 });
    expect((await wholeOf(source)).equals(bytes)).toBe(true);
    await close();
    expect(read).toEqual({ bytes: 2 * bytes.length, begun: 2, ended: 2 });
  });

  it('that may not stand still is left at once', async () => {
    const { packed, read, peeked, bytes } = await counted(false);
    const { source } = await peekBoot(packed, peeked);
    expect(read).toMatchObject({ begun: 1, ended: 1 });
    expect((await wholeOf(source)).equals(bytes)).toBe(true);
  });
});

async function partitionOf(path: string) {
  const card = await openCard(path);
  return { partition: card.partition, close: () => card.close() };
}
