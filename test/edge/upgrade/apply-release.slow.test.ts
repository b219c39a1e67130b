import { generateKeyPairSync } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { applyExitCode, applyRelease } from '../../../edge/upgrade/apply-release.js';
import type { ReleaseOnDisk } from '../../../edge/bundle/release.js';
import { runCommand } from '../../servers/run-command.js';
import { deviceRoot } from '../../support/device-root.js';
import { tempDir } from '../../support/temp-dir.js';
import { testReleases } from '../../support/test-releases.js';

test('a release is installed if it is signed and whole, and nothing else is', async () => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const folder = await tempDir();
  const releases = await testReleases(folder, privateKey);
  const device = await deviceRoot(releases.first, publicKey);
  const inbox = device.path('var/lib/fieldline/upgrade');
  const path = dirname(process.execPath);
  const apply = (version: string, over = {}) => applyRelease({ root: device.root, version, path, ...over });
  const put = async ({ release, parts }: ReleaseOnDisk): Promise<string> => {
    rmSync(join(inbox, 'parts'), { recursive: true, force: true });
    mkdirSync(join(inbox, 'parts'));
    for (const [hash, file] of parts) await copyFile(file, join(inbox, 'parts', hash));
    writeFileSync(join(inbox, 'release.json'), JSON.stringify(release));
    return join(inbox, 'parts', [...parts.keys()][0]!);
  };
  const installed = () => readdirSync(device.path('opt/fieldline/releases')).sort();
  const refused = async (version: string, reason: string) => {
    const error: unknown = await apply(version).catch((thrown: unknown) => thrown);
    expect(String(error)).toContain(reason);
    expect(installed()).not.toContain(version);
    expect(existsSync(device.path('opt/fieldline/incoming'))).toBe(false);
    return applyExitCode(error);
  };

  // What was installed runs.
  const agent = device.path('opt/fieldline/current/agent.mjs');
  expect(
    await runCommand(device.path('opt/fieldline/current/node'), [agent, 'version'], { withinMs: 60_000 }),
  ).toContain('1.0.0');

  await put(releases.again('2.0.0', {}, generateKeyPairSync('ed25519').privateKey));
  expect(await refused('2.0.0', 'not signed by the pinned key')).toBe(1);
  await put(releases.again('2.0.0', { arch: 'arm64' }));
  expect(await refused('2.0.0', 'it is for arm64')).toBe(1);
  await put(releases.again('2.0.0', { nodeVersion: '99.0.0' }));
  expect(await refused('2.0.0', 'it takes Node 99.0.0')).toBe(1);
  await put(releases.again('2.0.0'));
  expect(await refused('2.0.1', 'it is 2.0.0, not 2.0.1')).toBe(1);
  await put(releases.again('1.0.0', { builtUs: 5 }));
  await expect(apply('1.0.0')).rejects.toThrow('another release of this version runs');

  const part = await put(releases.again('2.0.0'));
  const bytes = readFileSync(part);
  bytes[1000]! ^= 1;
  writeFileSync(part, bytes);
  expect(await refused('2.0.0', 'has other bytes')).toBe(1);
  writeFileSync(part, bytes.subarray(1));
  expect(await refused('2.0.0', 'bytes, not')).toBe(1);

  // Who owns the inbox may put a link there, and root would read what it leads to.
  rmSync(part);
  await copyFile([...releases.first.parts.values()][0]!, join(inbox, 'elsewhere'));
  symlinkSync('../elsewhere', part);
  expect(await refused('2.0.0', 'ELOOP')).toBe(75);
  rmSync(part);
  expect(await refused('2.0.0', 'ENOENT')).toBe(75);

  await put(releases.again('2.0.0'));
  await apply('2.0.0');
  await apply('2.0.0');
  expect(installed()).toEqual(['1.0.0', '2.0.0']);
  // Half a release of a crash long ago, under another manifest.
  rmSync(device.path('opt/fieldline/releases/2.0.0/release.json'));
  await apply('2.0.0');
  expect(existsSync(device.path('opt/fieldline/releases/2.0.0/release.json'))).toBe(true);

  // A Node comes with the first release that has it, and not again with the next.
  const withNode = await releases.withRuntime('3.0.0');
  await put(withNode);
  await apply('3.0.0', { path: '/nowhere' });
  const node = device.path('opt/fieldline/releases/3.0.0/node');
  expect(readlinkSync(node)).toMatch(/^\.\.\/\.\.\/runtimes\/[0-9a-f]{16}\/bin\/node$/);
  const ran = await runCommand(node, [agent.replace('current', 'releases/3.0.0'), 'version'], { withinMs: 60_000 });
  expect(ran).toContain('3.0.0');
  const next = releases.again('3.1.0', { parts: withNode.manifest.parts });
  await put(next);
  await apply('3.1.0', { path: '/nowhere' });
  expect(readlinkSync(node.replace('3.0.0', '3.1.0'))).toBe(readlinkSync(node));
  expect(readdirSync(device.path('opt/fieldline/runtimes'))).toHaveLength(1);
});
