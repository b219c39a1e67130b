import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { basename, dirname } from 'node:path';
import {
  releaseVersionSchema,
  type ReleaseArch,
  type ReleaseManifest,
  type SignedRelease,
} from '#core/contract/release.js';
import { messageOf, systemCode } from '#core/runtime/errors.js';
import type { ReleaseProgress } from '../../edge/bundle/release.js';
import { UsageError } from '../fail.js';
import type { FileReader } from './file-reader.js';

export interface ReleaseOptions {
  /** `<folder>/<version>` of one that was built before. */
  readonly release?: string;
  /** The key of `fieldline release keygen`: the private one builds and signs, the public one is enough for `release`. */
  readonly releaseKey: string;
  /** Folder for one that is built now. */
  readonly releases: string;
  readonly nodeRuntime?: string;
}

/** A release whose parts were read and are those that were signed. */
export interface ChosenRelease {
  readonly release: SignedRelease;
  readonly manifest: ReleaseManifest;
  readonly parts: ReadonlyMap<string, Uint8Array>;
  /** PEM, SPKI. */
  readonly publicKey: string;
}

/** Finds the release for a machine. */
export type ReleaseChoice = (arch: ReleaseArch, progress?: ReleaseProgress) => Promise<ChosenRelease>;

/** Checks now what can be checked before the machine is known. Throws UsageError. */
export async function releaseChoice(options: ReleaseOptions, files: FileReader): Promise<ReleaseChoice> {
  const { release, releaseKey, releases, nodeRuntime } = options;
  const pem = await files.text('release-key', releaseKey).catch((cause: unknown) => {
    const next = 'make one with `fieldline release keygen`, once and for all devices';
    throw new UsageError(`--release-key: there is no ${releaseKey}: ${next}`, { cause });
  });
  const publicKey = keyOf(releaseKey, () => createPublicKey(pem));
  const open = release === undefined ? undefined : placeOf(release);
  const privateKey = open ? undefined : keyOf(releaseKey, () => createPrivateKey(pem));
  return async (arch, progress) => {
    const { buildRelease } = await import('../../edge/bundle/build-release.js');
    const { readParts } = await import('../../edge/bundle/release-folder.js');
    const wanted = { arch, releases, ...(nodeRuntime !== undefined && { nodeRuntime }), ...(progress && { progress }) };
    const found = open
      ? await openBuilt(open, arch, publicKey)
      : await buildRelease({ ...wanted, privateKey: privateKey! });
    const { manifest } = found;
    const text = publicKey.export({ format: 'pem', type: 'spki' }) as string;
    return { release: found.release, manifest, parts: await readParts(found), publicKey: text };
  };
}

interface Place {
  readonly folder: string;
  readonly version: string;
}

async function openBuilt({ folder, version }: Place, arch: ReleaseArch, publicKey: KeyObject) {
  const { openRelease } = await import('../../edge/bundle/release-folder.js');
  return openRelease(folder, { version, arch }, publicKey).catch((cause: unknown) => {
    const isMissing = systemCode(cause) === 'ENOENT';
    const next = isMissing ? `build it: fieldline release build --arch ${arch}` : 'look at the key and the folder';
    throw new UsageError(
      `--release: ${folder} has no ${version} for ${arch} of this key (${messageOf(cause)}); ${next}`,
      {
        cause,
      },
    );
  });
}

function placeOf(release: string): Place {
  const version = basename(release);
  if (releaseVersionSchema.safeParse(version).success) return { folder: dirname(release), version };
  throw new UsageError(`--release: ${release} is not <folder>/<version>`);
}

function keyOf(file: string, read: () => KeyObject): KeyObject {
  let key: KeyObject;
  try {
    key = read();
  } catch (cause) {
    const why = 'a release is built with the private half, as `fieldline release keygen` wrote it';
    throw new UsageError(`--release-key: ${file} is not the key that is wanted: ${why}`, { cause });
  }
  if (key.asymmetricKeyType === 'ed25519') return key;
  throw new UsageError(`--release-key: ${file} is no key of \`fieldline release keygen\` (ed25519)`);
}
