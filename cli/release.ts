import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { FatalError, messageOf } from '#core/runtime/errors.js';
import { buildRelease } from '../edge/bundle/build-release.js';
import { manifestFiles, openReleaseFile, partFaults } from '../edge/bundle/release-folder.js';
import {
  loadPublicReleaseKey,
  loadReleaseKey,
  makeReleaseKey,
  publicKeyFile,
  publicKeyPem,
} from '../edge/bundle/release-key.js';
import type { ReleaseOnDisk, ReleaseWanted } from '../edge/bundle/release.js';

/** What a command says: to a person, and to a program. */
export interface ReleaseLines {
  readonly lines: readonly string[];
  readonly result: object;
}

export async function keygen(keyFile: string): Promise<ReleaseLines> {
  const { publicKey } = await makeReleaseKey(keyFile);
  const lines = [
    `${keyFile}: signs your releases. Keep it to yourself, and a copy in a safe place:`,
    '  without it no device takes an upgrade from you any more.',
    `${publicKeyFile(keyFile)}: for devices. fieldline flash puts it on each card.`,
  ];
  return { lines, result: { key: keyFile, publicKey: publicKeyPem(publicKey) } };
}

export async function buildSigned(keyFile: string, wanted: Omit<ReleaseWanted, 'privateKey'>): Promise<ReleaseLines> {
  const privateKey = await loadReleaseKey(keyFile);
  const release = await buildRelease({ ...wanted, privateKey });
  return { lines: [release.file, ...describe(release)], result: factsOf(release) };
}

export async function showReleases(path: string, keyFile: string): Promise<ReleaseLines> {
  const releases = await openAll(path, keyFile);
  const faults = releases.flatMap((release) => ('fault' in release ? [release.fault] : []));
  if (faults.length > 0) throw new FatalError('bad-config', faults.join('\n'));
  const good = releases.filter((release) => 'manifest' in release);
  return { lines: good.flatMap((release) => [release.file, ...describe(release)]), result: good.map(factsOf) };
}

/** Every manifest, and every part of it, read whole. */
export async function verifyReleases(path: string, keyFile: string): Promise<ReleaseLines & { good: boolean }> {
  const releases = await openAll(path, keyFile);
  const verdicts = await Promise.all(
    releases.map(async (release) => ({
      file: release.file,
      faults: 'fault' in release ? [release.fault] : await partFaults(release),
    })),
  );
  const lines = verdicts.flatMap(({ file, faults }) =>
    faults.length === 0 ? [`${file}: good`] : faults.map((fault) => `${file}: ${fault}`),
  );
  return { lines, result: verdicts, good: verdicts.every(({ faults }) => faults.length === 0) };
}

/** The manifests that a path names; those that cannot be taken with the reason. */
async function openAll(path: string, keyFile: string): Promise<(ReleaseOnDisk | { file: string; fault: string })[]> {
  const publicKey = await loadPublicReleaseKey(keyFile);
  const found = await stat(path).catch((cause: unknown) => {
    throw new FatalError('bad-config', `there is no release at ${path}: ${messageOf(cause)}`, { cause });
  });
  const files = found.isDirectory() ? await manifestFiles(path) : [path];
  if (files.length === 0) throw new FatalError('bad-config', `${path} has no release; see fieldline release build`);
  const folder = found.isDirectory() ? path : dirname(path);
  return Promise.all(
    files.map((file) =>
      openReleaseFile(folder, file, publicKey).catch((error: unknown) => ({ file, fault: messageOf(error) })),
    ),
  );
}

function describe({ manifest }: ReleaseOnDisk): string[] {
  const { version, arch, builtUs, nodeVersion, parts } = manifest;
  const node = parts.some(({ name }) => name === 'runtime')
    ? `Node ${nodeVersion}`
    : `Node ${nodeVersion} or later of the device`;
  return [
    `  ${version} for ${arch}, ${node}, built ${new Date(builtUs / 1000).toISOString()}`,
    ...parts.map(
      ({ name, bytes, unpackedBytes, sha256 }) =>
        `  ${name.padEnd(7)} ${megabytes(bytes)}, ${megabytes(unpackedBytes)} unpacked, ${sha256}`,
    ),
  ];
}

function factsOf({ file, manifest }: ReleaseOnDisk): object {
  return { file, ...manifest };
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
