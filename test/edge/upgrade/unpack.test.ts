import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { xz } from '@napi-rs/lzma';
import { pack, type Header } from 'tar-stream';
import { expect, test } from 'vitest';
import { unpack } from '../../../edge/upgrade/unpack.js';
import { tempDir } from '../../support/temp-dir.js';

type Content = Partial<Header> & { name: string; text?: string };

async function archiveOf(folder: string, entries: readonly Content[]): Promise<string> {
  const tar = pack();
  for (const { text, ...header } of entries) tar.entry(header, text ?? '');
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar as AsyncIterable<Buffer>) chunks.push(chunk);
  const path = join(folder, 'some.tar.xz');
  writeFileSync(path, await xz.compress(Buffer.concat(chunks)));
  return path;
}

test('files and folders are there as they were packed, by tar and xz of the system', async () => {
  const folder = await tempDir();
  const from = join(folder, 'from');
  mkdirSync(join(from, 'prebuilds/arm'), { recursive: true });
  writeFileSync(join(from, 'agent.mjs'), 'console.log(1)\n'.repeat(100_000));
  writeFileSync(join(from, 'prebuilds/arm/it.node'), Buffer.alloc(3_000_000, 7));
  writeFileSync(join(from, 'guard.sh'), '#!/bin/sh\n', { mode: 0o755 });
  const archive = join(folder, 'app.tar.xz');
  execFileSync('tar', ['-C', from, '-cJf', archive, '.']);
  const to = join(folder, 'to');
  await unpack({ archive, folder: to, maxBytes: 10_000_000 });
  for (const name of ['agent.mjs', 'prebuilds/arm/it.node', 'guard.sh']) {
    expect(readFileSync(join(to, name)).equals(readFileSync(join(from, name)))).toBe(true);
  }
  expect(lstatSync(join(to, 'guard.sh')).mode & 0o777).toBe(0o755);
  expect(lstatSync(join(to, 'agent.mjs')).mode & 0o777).toBe(0o644);
});

const evil: Record<string, readonly Content[]> = {
  'a path out': [{ name: '../out', text: 'x' }],
  'a path out from within': [{ name: 'a/../../out', text: 'x' }],
  'an absolute path': [{ name: '/tmp/fieldline-out', text: 'x' }],
  'a link': [{ name: 'link', type: 'symlink', linkname: '/etc/passwd' }],
  'a hard link': [{ name: 'link', type: 'link', linkname: 'agent.mjs' }],
  'a device': [{ name: 'null', type: 'character-device' }],
  'a name that comes twice': [
    { name: 'a', text: 'x' },
    { name: 'a', text: 'y' },
  ],
  'a file where a folder was': [
    { name: 'a', text: 'x' },
    { name: 'a/b', text: 'y' },
  ],
};

test.each(Object.entries(evil))('%s is refused, and nothing is written outside', async (_name, entries) => {
  const folder = await tempDir();
  const archive = await archiveOf(folder, entries);
  const to = join(folder, 'in/to');
  await expect(unpack({ archive, folder: to, maxBytes: 1000 })).rejects.toThrow();
  expect(readdirSync(join(folder, 'in'))).toEqual(['to']);
  expect(readdirSync(folder).sort()).toEqual(['in', 'some.tar.xz']);
});

test('what unpacks to more than was signed is refused', async () => {
  const folder = await tempDir();
  const archive = await archiveOf(folder, [{ name: 'bomb', text: ' '.repeat(5_000_000) }]);
  const work = unpack({ archive, folder: join(folder, 'to'), maxBytes: 4_999_999 });
  await expect(work).rejects.toMatchObject({ name: 'RejectedError', code: 'too-large' });
});

test('what is no whole archive is refused as corrupt', async () => {
  const folder = await tempDir();
  const archive = await archiveOf(folder, [{ name: 'a', text: randomBytes(30_000).toString('hex') }]);
  const whole = readFileSync(archive);
  for (const bytes of [whole.subarray(0, whole.length / 2), Buffer.from('no xz at all'), Buffer.alloc(0)]) {
    writeFileSync(archive, bytes);
    const work = unpack({ archive, folder: join(folder, `to-${bytes.length}-${bytes[0]}`), maxBytes: 1e6 });
    await expect(work).rejects.toMatchObject({ name: 'RejectedError', code: 'corrupt' });
  }
});

test('a link that waits in the folder is not followed', async () => {
  const folder = await tempDir();
  const archive = await archiveOf(folder, [{ name: 'a', text: 'new' }]);
  const to = join(folder, 'to');
  mkdirSync(to);
  writeFileSync(join(folder, 'outside'), 'old');
  symlinkSync('../outside', join(to, 'a'));
  await expect(unpack({ archive, folder: to, maxBytes: 100 })).rejects.toThrow('EEXIST');
  expect(readFileSync(join(folder, 'outside'), 'utf8')).toBe('old');
});
