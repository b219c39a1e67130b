import { Readable } from 'node:stream';
import { extract } from 'tar-stream';
import { expect, it } from 'vitest';
import { tarOf, unpackedBytes } from '../../../edge/bundle/archive.js';

const files = [
  { path: 'prebuilds/b.node', bytes: Buffer.from('b'.repeat(5000)) },
  { path: 'agent.mjs', bytes: Buffer.from('a'), executable: true },
];

it('has its files in order, without times and owners', async () => {
  const entries: object[] = [];
  for await (const entry of Readable.from([await tarOf(files)]).pipe(extract())) {
    const { name, mode, uid, gid, mtime, size } = entry.header;
    entries.push({ name, mode, uid, gid, mtime: mtime?.getTime(), size });
    entry.resume();
  }
  const nobody = { uid: 0, gid: 0, mtime: 0 };
  expect(entries).toEqual([
    { name: 'agent.mjs', mode: 0o755, size: 1, ...nobody },
    { name: 'prebuilds/b.node', mode: 0o644, size: 5000, ...nobody },
  ]);
});

it('is the same for the same files, in whatever order they come', async () => {
  expect(await tarOf([...files].reverse())).toEqual(await tarOf(files));
});

it('takes whole blocks of a disk when it is unpacked', () => {
  expect(unpackedBytes(files)).toBe(3 * 4096);
});
