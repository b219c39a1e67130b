import { access, mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  signedReleaseSchema,
  type DesiredRelease,
  type ReleaseManifest,
  type ReleasePart,
} from '#core/contract/release.js';
import { RetryableError } from '#core/runtime/errors.js';
import { fetchPart, partialOf, type FetchPartOptions } from './fetch-part.js';
import { freeBytes } from './free-bytes.js';
import type { InboxPaths, InstalledPaths } from './layout.js';

export interface FetchOptions extends Omit<FetchPartOptions, 'part' | 'path' | 'sources' | 'onBytes'> {
  readonly desired: DesiredRelease;
  readonly manifest: ReleaseManifest;
  readonly installed: InstalledPaths;
  readonly inbox: InboxPaths;
  readonly onProgress: (haveBytes: number, ofBytes: number) => void;
}

/** How often a disk that is too full is looked at. */
const roomEveryMs = 60_000;

/**
 * Fetches what of a release is not on this device yet, for as long as that takes. Throws RejectedError if it cannot be had,
 * and RetryableError `stopped`.
 */
export async function fetchRelease(options: FetchOptions): Promise<void> {
  const { inbox, desired, onProgress } = options;
  await mkdir(inbox.parts, { recursive: true });
  const wanted = await missingParts(options);
  await dropOthers(inbox, wanted);
  await waitForRoom(options, wanted);
  const ofBytes = wanted.reduce((sum, { bytes }) => sum + bytes, 0);
  let before = 0;
  for (const part of wanted) {
    const onBytes = (have: number) => onProgress(before + have, ofBytes);
    await fetchPart({ ...options, part, path: inbox.part(part.sha256), sources: desired.sources, onBytes });
    before += part.bytes;
  }
}

/** Those that are not installed: a runtime stays the same over many releases, and a release may have been here before. */
async function missingParts({ manifest, desired, installed }: FetchOptions): Promise<ReleasePart[]> {
  const there = await signedAt(installed.releaseFile(manifest.version));
  const missing: ReleasePart[] = [];
  for (const part of manifest.parts) {
    const isThere =
      part.name === 'app'
        ? there === desired.release.signed
        : await exists(join(installed.runtimeFolder(part), 'bin/node'));
    if (!isThere) missing.push(part);
  }
  return missing;
}

async function signedAt(file: string): Promise<string | undefined> {
  try {
    return signedReleaseSchema.parse(JSON.parse(await readFile(file, 'utf8'))).signed;
  } catch {
    return undefined;
  }
}

/** What was fetched for another release goes. */
async function dropOthers({ parts }: InboxPaths, wanted: readonly ReleasePart[]): Promise<void> {
  for (const name of await readdir(parts)) {
    if (!wanted.some(({ sha256 }) => name.startsWith(sha256)))
      await rm(join(parts, name), { recursive: true, force: true });
  }
}

/** Fetched, copied by the guard, unpacked, and still as much free as must stay free. */
async function waitForRoom(options: FetchOptions, wanted: readonly ReleasePart[]): Promise<void> {
  const { inbox, keepFreeBytes, signal, clock, onTrouble } = options;
  for (;;) {
    let needed = keepFreeBytes;
    for (const { sha256, bytes, unpackedBytes } of wanted) {
      const here = (await sizeOf(inbox.part(sha256))) + (await sizeOf(partialOf(inbox.part(sha256))));
      needed += Math.max(0, bytes - here) + bytes + unpackedBytes;
    }
    const free = await freeBytes(inbox.directory);
    if (free >= needed) return;
    onTrouble(`the disk has ${free} bytes free, and ${needed} are needed`);
    await clock.sleep(roomEveryMs, signal);
    if (signal.aborted) throw new RetryableError('stopped', 'stopped while waiting for room');
  }
}

function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
