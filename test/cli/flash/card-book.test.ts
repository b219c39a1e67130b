import { open, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { CardBook, manifestName } from '../../../cli/flash/card-book.js';
import { digestFile } from '../../../edge/image/card/digest-file.js';
import type { CardManifest, CardRecord } from '../../../edge/image/flash/card-manifest.js';
import type { CardPlan } from '../../../edge/image/flash/plan-card.js';
import { hashFile } from '../../../edge/image/source/hash-file.js';
import { makeCardImage, mebibyte } from '../../support/card-image.js';
import { tempDir } from '../../support/temp-dir.js';

type Hashes = Pick<CardRecord, 'fsverity' | 'sha256'>;

const { signal } = new AbortController();
const head: Omit<CardManifest, 'type' | 'format' | 'cards'> = {
  image: { file: 'raspios.img.xz', sha256: 'ab'.repeat(32) },
  release: { version: '1.0.0', arch: 'arm64', appSha256: 'cd'.repeat(32) },
  firstBoot: 'cloud-init',
};
const plan: CardPlan = { format: 'cloud-init', instanceId: 'fieldline-1', files: [], secrets: new Set() };
const verity = async (path: string): Promise<Hashes> => ({ fsverity: await digestFile(path) });
const sha256 = async (path: string): Promise<Hashes> => ({ sha256: await hashFile(path) });

async function made(hashesOf: (path: string) => Promise<Hashes>) {
  const folder = await tempDir();
  const path = join(folder, 'plant1_pi-01.img');
  await makeCardImage(path, { fat: 'FAT16' });
  const bytes = (await readFile(path)).length;
  const who = { site: 'plant1', device: 'pi-01', hostname: 'pi-01', labels: {}, identity: { kind: 'none' } } as const;
  const record: CardRecord = { ...who, file: 'plant1_pi-01.img', bytes, ...(await hashesOf(path)), files: [] };
  await new CardBook(folder, head).add(0, record);
  const kept = async (): Promise<CardRecord | undefined> => {
    const book = new CardBook(folder, head);
    await book.read();
    return book.kept(path, plan, signal);
  };
  return { folder, path, record, kept };
}

it.each([
  ['of fs-verity', verity],
  ['that is all an earlier version wrote down', sha256],
])('an image stays as long as it has the hash %s', async (_which, hashesOf) => {
  const { path, record, kept } = await made(hashesOf);
  expect(await kept()).toEqual(record);
  const file = await open(path, 'r+');
  // In the middle of nothing but zeros.
  await file.write(Buffer.from([1]), 0, 1, 15 * mebibyte);
  expect(await kept()).toBeUndefined();
  await file.write(Buffer.from([0]), 0, 1, 15 * mebibyte);
  expect(await kept()).toEqual(record);
  await file.close();
  await truncate(path, record.bytes - 4096);
  expect(await kept()).toBeUndefined();
});

it('a card that was written down, and whose image did not appear, is made anew', async () => {
  const { path, kept } = await made(verity);
  await rm(path);
  expect(await kept()).toBeUndefined();
  await writeFile(path, 'something else');
  expect(await kept()).toBeUndefined();
});

it('is in the order of the table, whichever card is made first', async () => {
  const { folder, record } = await made(verity);
  const book = new CardBook(folder, head);
  const cards = [0, 1, 2].map((n) => ({ ...record, device: `pi-${n}`, file: `${n}.img` }));
  await Promise.all([2, 0, 1].map((place) => book.add(place, cards[place]!)));
  await book.remove(1);
  await book.finish();
  const manifest = JSON.parse(await readFile(join(folder, manifestName), 'utf8')) as CardManifest;
  expect(manifest.cards.map(({ device }) => device)).toEqual(['pi-0', 'pi-2']);
});
