import { createHash, generateKeyPairSync } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  signRelease,
  type ReleaseArch,
  type ReleaseManifest,
  type SignedRelease,
} from '../../../core/contract/release.js';

export const keys = generateKeyPairSync('ed25519');

export interface MadeRelease {
  readonly release: SignedRelease;
  readonly manifest: ReleaseManifest;
  readonly part: Buffer;
  readonly sha256: string;
}

/** A signed release with one part of some bytes that only it has. */
export function makeRelease(version: string, arch: ReleaseArch = 'arm64', bytes = 4096): MadeRelease {
  const part = Buffer.alloc(bytes, `${version} ${arch} `);
  const sha256 = createHash('sha256').update(part).digest('hex');
  const manifest: ReleaseManifest = {
    type: 'fieldline-release',
    format: 1,
    version,
    arch,
    builtUs: 1_790_000_000_000_000,
    nodeVersion: '22.0.0',
    parts: [{ name: 'app', bytes, sha256, unpackedBytes: bytes }],
  };
  return { release: signRelease(manifest, keys.privateKey), manifest, part, sha256 };
}

/** Lays releases into a folder, as `fieldline release build` does. */
export async function layReleases(folder: string, ...releases: MadeRelease[]): Promise<void> {
  await mkdir(join(folder, 'parts'), { recursive: true });
  for (const { release, manifest, part, sha256 } of releases) {
    await writeFile(join(folder, 'parts', sha256), part);
    await writeFile(join(folder, `${manifest.version}-${manifest.arch}.json`), JSON.stringify(release));
  }
}
