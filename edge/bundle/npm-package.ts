import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { FatalError, messageOf, RetryableError, systemCode } from '#core/runtime/errors.js';

/** A package of the npm registry at one version, and what its tarball must be. */
export interface PinnedPackage {
  readonly name: string;
  readonly version: string;
  /** Subresource integrity, sha512. */
  readonly integrity: string;
}

export interface FetchedPackage {
  readonly file: string;
  readonly bytes: Uint8Array;
}

/**
 * The tarball of a package, from the cache folder or else by the user's own npm, which knows his registry and proxy.
 * Throws RetryableError `unavailable` if npm cannot fetch it, FatalError `corrupt` if it is not what was pinned.
 */
export async function fetchPackage(wanted: PinnedPackage, cache: string): Promise<FetchedPackage> {
  const file = join(cache, tarballName(wanted));
  const cached = await readFile(file).catch(() => undefined);
  if (cached && isPinned(cached, wanted)) return { file, bytes: cached };
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(join(cache, 'fetch-'));
  try {
    const fetched = join(folder, tarballName(wanted));
    await npmPack(wanted, folder, file);
    const bytes = await readFile(fetched);
    if (!isPinned(bytes, wanted)) {
      throw new FatalError('corrupt', `${wanted.name}@${wanted.version} from npm is not what is pinned; do not use it`);
    }
    await rename(fetched, file);
    return { file, bytes };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

export function isPinned(bytes: Uint8Array, { integrity }: PinnedPackage): boolean {
  return `sha512-${createHash('sha512').update(bytes).digest('base64')}` === integrity;
}

export function tarballName({ name, version }: PinnedPackage): string {
  return `${name.replace('@', '').replace('/', '-')}-${version}.tgz`;
}

async function npmPack(wanted: PinnedPackage, folder: string, file: string): Promise<void> {
  const spec = `${wanted.name}@${wanted.version}`;
  try {
    // The list of the package's files goes nowhere: it is long. On Windows npm is a script that wants a shell.
    const args = ['pack', spec, '--pack-destination', folder, '--loglevel=error', '--ignore-scripts'];
    const child = spawn('npm', args, { stdio: ['ignore', 'ignore', 'pipe'], shell: process.platform === 'win32' });
    const [complaint, [code]] = await Promise.all([
      buffer(child.stderr),
      once(child, 'close') as Promise<[number | null]>,
    ]);
    if (code !== 0) throw new Error(complaint.toString().trim().split('\n').slice(0, 3).join(' '));
  } catch (cause) {
    const reason = systemCode(cause) === 'ENOENT' ? 'there is no npm here' : messageOf(cause);
    const next =
      `Where there is a network: npm pack ${spec}. Bring the file here as ${file}, ` +
      'or give it, or any Node for that machine, with --node-runtime FILE';
    throw new RetryableError('unavailable', `cannot fetch ${spec}: ${reason}. ${next}`, { cause });
  }
}
