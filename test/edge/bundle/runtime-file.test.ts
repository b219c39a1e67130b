import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { FatalError } from '../../../core/runtime/errors.js';
import { tarOf } from '../../../edge/bundle/archive.js';
import { readRuntimeFile } from '../../../edge/bundle/runtime-file.js';
import { xz } from '../../../edge/bundle/xz.js';
import { smallNode } from './small-node.js';

const node = smallNode('armv7l');
const licence = Buffer.from('to whom it may concern');

const tarWith = (prefix: string) =>
  tarOf([
    { path: `${prefix}bin/node`, bytes: node, executable: true },
    { path: `${prefix}include/node/bin/node`, bytes: Buffer.from('no') },
    { path: `${prefix}LICENSE`, bytes: licence },
    { path: `${prefix}deps/v8/LICENSE`, bytes: Buffer.from('no') },
  ]);

it('finds Node and its licence as nodejs.org, npm and a release pack them', async () => {
  const forms = [
    await xz(await tarWith('node-v22.11.0-linux-armv7l/')),
    gzipSync(await tarWith('package/')),
    await xz(await tarWith('')),
  ];
  for (const bytes of forms) {
    const found = await readRuntimeFile(bytes, 'node.tar');
    expect(Buffer.from(found.node).equals(node)).toBe(true);
    expect(Buffer.from(found.licence!).equals(licence)).toBe(true);
  }
});

it('takes the program alone', async () => {
  expect(await readRuntimeFile(node, 'node')).toEqual({ node, licence: undefined });
});

it('says what it wanted of anything else', async () => {
  const empty = gzipSync(await tarOf([{ path: 'README.md', bytes: licence }]));
  await expect(readRuntimeFile(empty, 'a.tgz')).rejects.toThrow(/a\.tgz has no bin\/node/);
  await expect(readRuntimeFile(Buffer.from('PK\x03\x04'), 'a.zip')).rejects.toThrow(/neither a program/);
  await expect(readRuntimeFile(gzipSync('nonsense'), 'b.tgz')).rejects.toThrow(FatalError);
});

it('refuses a damaged archive as one, whatever is damaged', async () => {
  const good = [await xz(await tarWith('n/')), gzipSync(await tarWith('n/'))];
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...good), fc.nat(), fc.nat(255), async (archive, at, byte) => {
      const damaged = Buffer.from(
        archive.subarray(0, Math.max(8, (at % archive.length) + (byte % 2) * archive.length)),
      );
      damaged[at % damaged.length] = byte;
      await readRuntimeFile(damaged, 'd').catch((error: unknown) => expect(error).toBeInstanceOf(FatalError));
    }),
    { numRuns: 60 },
  );
});
