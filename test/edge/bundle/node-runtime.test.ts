import { statSync, utimesSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { nodeRuntime } from '../../../edge/bundle/node-runtime.js';
import { packed } from '../../../edge/bundle/packed.js';
import { hashOf } from '../../../edge/bundle/release-folder.js';
import { tempDir } from '../../support/temp-dir.js';
import { smallNode } from './small-node.js';

async function handIn(content: Uint8Array, arch: 'arm64' | 'armv7l' = 'armv7l') {
  const folder = await tempDir();
  const file = join(folder, 'node');
  await writeFile(file, content);
  const wanted = { arch, nodeRuntime: file, cache: join(folder, 'cache') };
  return { wanted, runtime: nodeRuntime(wanted) };
}

it('packs a Node that is handed in once, and then takes it from the cache', async () => {
  const { wanted, runtime } = await handIn(smallNode('armv7l', '22.11.0'));
  const first = await runtime;
  expect(first!.facts.nodeVersion).toBe('22.11.0');
  const [name] = await readdir(join(wanted.cache, 'archives'));
  const { ino } = statSync(join(wanted.cache, 'archives', name!));
  expect(await nodeRuntime(wanted)).toEqual(first);
  expect(statSync(join(wanted.cache, 'archives', name!)).ino).toBe(ino);
});

it('forgets what was packed long ago, and not what was used since', async () => {
  const folder = await tempDir();
  const tars = Array.from({ length: 26 }, (_, i) => Buffer.from(`archive ${i}`));
  for (const [i, tar] of tars.slice(0, 24).entries()) {
    await packed(tar, folder);
    const [file] = (await readdir(folder)).filter((name) => name.startsWith(hashOf(tar)));
    utimesSync(join(folder, file!), i, i);
  }
  await packed(tars[0]!, folder);
  for (const tar of tars.slice(24)) await packed(tar, folder);
  const kept = await readdir(folder);
  const isKept = (tar: Uint8Array) => kept.some((name) => name.startsWith(hashOf(tar)));
  expect(tars.map(isKept)).toEqual(tars.map((_, i) => i !== 1 && i !== 2));
});

it('packs again what is damaged in the cache', async () => {
  const { wanted, runtime } = await handIn(smallNode('armv7l'));
  const first = await runtime;
  const folder = join(wanted.cache, 'archives');
  const archive = (await readdir(folder)).find((name) => name.endsWith('.tar.xz'))!;
  await writeFile(join(folder, archive), 'damaged');
  expect(await nodeRuntime(wanted)).toEqual(first);
});

it.each([
  ['another machine', smallNode('arm64'), /that Node is for arm64, not armv7l/],
  ['an unknown machine', smallNode('mips'), /for another machine, not armv7l/],
  ['too old', smallNode('armv7l', '20.10.9'), /Node 20\.10\.9; the agent wants 20\.11\.0 or later/],
  ['no Node', smallNode('armv7l', 'x'), /does not say which Node it is/],
  ['no program', Buffer.from('#!/bin/sh'), /neither a program for Linux nor/],
])('refuses one that is %s, with a sentence', async (_, content, message) => {
  const { runtime } = await handIn(content);
  await expect(runtime).rejects.toThrow(message);
});

it('has none of its own for boards of 32 bits, and says what to do', async () => {
  await expect(nodeRuntime({ arch: 'armv7l', cache: await tempDir() })).rejects.toThrow(
    /no maintained Node for armv7l on npm; give --node-runtime FILE.*or --node-runtime system/,
  );
});

it('takes that of the device where it is told to', async () => {
  expect(await nodeRuntime({ arch: 'armv7l', nodeRuntime: 'system' })).toBeUndefined();
});

it('says where the file is that cannot be read', async () => {
  await expect(nodeRuntime({ arch: 'x64', nodeRuntime: '/no/such/node' })).rejects.toThrow(/--node-runtime.*no\/such/);
});
