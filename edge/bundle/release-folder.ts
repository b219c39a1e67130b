import { createHash, type KeyObject } from 'node:crypto';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseJson } from '#core/contract/alert.js';
import { releaseFiles } from '#core/contract/release-files.js';
import {
  readRelease,
  signedReleaseSchema,
  type ReleaseManifest,
  type ReleasePart,
  type SignedRelease,
} from '#core/contract/release.js';
import { RejectedError } from '#core/runtime/errors.js';
import type { ReleaseOnDisk } from './release.js';

/** A release of a folder whose signature was looked at, by the key that must have made it. */
export async function openRelease(
  folder: string,
  which: Pick<ReleaseManifest, 'version' | 'arch'>,
  publicKey: KeyObject,
): Promise<ReleaseOnDisk> {
  const file = join(folder, releaseFiles.manifest(which));
  return openReleaseFile(folder, file, publicKey);
}

/** Throws ContractError if it is no release or the key did not sign it, and what reading a file throws. */
export async function openReleaseFile(folder: string, file: string, publicKey: KeyObject): Promise<ReleaseOnDisk> {
  const release = parseJson(await readFile(file), signedReleaseSchema, file);
  const manifest = readRelease(release, publicKey);
  const parts = new Map(manifest.parts.map(({ sha256 }) => [sha256, join(folder, releaseFiles.part(sha256))]));
  return { release, manifest, file, parts };
}

/** The files of the signed manifests in a folder, by name. */
export async function manifestFiles(folder: string): Promise<string[]> {
  const names = await readdir(folder);
  return names
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => join(folder, name));
}

/** A sentence for each part that is missing or is not what the manifest says; none if all is well. */
export async function partFaults({ manifest, parts }: Pick<ReleaseOnDisk, 'manifest' | 'parts'>): Promise<string[]> {
  const faults = await Promise.all(manifest.parts.map((part) => partFault(part, parts.get(part.sha256)!)));
  return faults.filter((fault) => fault !== undefined);
}

async function partFault({ name, bytes, sha256 }: ReleasePart, file: string): Promise<string | undefined> {
  const content = await readFile(file).catch(() => undefined);
  if (!content) return `${name}: there is no ${file}`;
  if (content.length !== bytes) return `${name}: ${file} has ${content.length} bytes, not ${bytes}`;
  return hashOf(content) === sha256 ? undefined : `${name}: ${file} is damaged, its hash is another`;
}

/** The archives as they were signed, by sha256. Throws RejectedError `corrupt` with all faults. */
export async function readParts(release: ReleaseOnDisk): Promise<Map<string, Uint8Array>> {
  const faults = await partFaults(release);
  if (faults.length > 0) throw new RejectedError('corrupt', faults.join('; '));
  const read = [...release.parts].map(
    async ([sha256, file]) => [sha256, new Uint8Array(await readFile(file))] as const,
  );
  return new Map(await Promise.all(read));
}

/** Writes the parts, and then what refers to them. What is there already is left, unless it is damaged. */
export async function writeRelease(
  folder: string,
  release: SignedRelease,
  manifest: ReleaseManifest,
  archives: ReadonlyMap<string, Uint8Array>,
): Promise<ReleaseOnDisk> {
  await mkdir(join(folder, releaseFiles.parts), { recursive: true });
  const parts = new Map([...archives.keys()].map((sha256) => [sha256, join(folder, releaseFiles.part(sha256))]));
  for (const part of manifest.parts) {
    const file = parts.get(part.sha256)!;
    if ((await partFault(part, file)) !== undefined) await replaceFile(file, archives.get(part.sha256)!);
  }
  const file = join(folder, releaseFiles.manifest(manifest));
  await replaceFile(file, `${JSON.stringify(release)}\n`);
  return { release, manifest, file, parts };
}

async function replaceFile(file: string, content: string | Uint8Array): Promise<void> {
  await writeFile(`${file}.partial`, content);
  await rename(`${file}.partial`, file);
}

export function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
