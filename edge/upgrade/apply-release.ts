import { execFile } from 'node:child_process';
import { createHash, type KeyObject } from 'node:crypto';
import { access, mkdir, open, readFile, realpath, rename, rm, statfs, symlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { ContractError } from '#core/contract/contract-error.js';
import { publicConfigKey } from '#core/contract/desired-config.js';
import { parseJson } from '#core/contract/alert.js';
import {
  maxManifestBytes,
  readRelease,
  signedReleaseSchema,
  type ReleaseManifest,
  type ReleasePart,
  type SignedRelease,
} from '#core/contract/release.js';
import { RejectedError, RetryableError } from '#core/runtime/errors.js';
import { compareVersions } from './compare-versions.js';
import { openForeign, readForeign, syncFolder, writeDurably } from './durable-files.js';
import { inboxPaths, installedPaths, releaseFileName, type InboxPaths, type InstalledPaths } from './layout.js';
import { releaseArchOf } from './release-arch.js';
import { unpack } from './unpack.js';

export interface ApplyOptions {
  /** Empty on a device: what stands before `/opt`, `/etc` and `/var`. */
  readonly root: string;
  /** The one that is expected. */
  readonly version: string;
  /** Where the Node of the system is looked for. */
  readonly path?: string;
}

/** Exit codes of the command. */
export const applyExitCodes = { refused: 1, again: 75 } as const;

/** 75 where the same call may succeed another time: the disk is full, say. */
export function applyExitCode(error: unknown): number {
  return error instanceof RejectedError || error instanceof ContractError
    ? applyExitCodes.refused
    : applyExitCodes.again;
}

/** What is signed may be many times longer as JSON in JSON. */
const maxReleaseFileBytes = 8 * maxManifestBytes;
const keepFreeBytes = 16 * 1024 * 1024;
const copyBytes = 1024 * 1024;

/**
 * Installs the release that lies in the inbox, as root and for the guard, which then makes it current. Nothing that lies
 * there is believed: the manifest is verified by the key in `/etc`, and each archive is copied to where only root can
 * write before its hash is taken and it is unpacked. A release has its name only once it is whole and on the disk.
 * Throws RejectedError or ContractError for a release that is to be refused; anything else may be tried again.
 */
export async function applyRelease({
  root,
  version,
  path = '/usr/local/bin:/usr/bin:/bin',
}: ApplyOptions): Promise<void> {
  const installed = installedPaths(join(root, '/opt/fieldline'));
  const inbox = inboxPaths(join(root, '/var/lib/fieldline/upgrade'));
  const key = publicConfigKey(await readFile(join(root, '/etc/fieldline/release-key.pem'), 'utf8'));
  const { release, manifest } = await readStaged(inbox, key, version);
  await rm(installed.incoming, { recursive: true, force: true });
  if (await isInstalled(installed, release, version)) return;
  try {
    await install({ installed, inbox, manifest, path }, release);
  } finally {
    await rm(installed.incoming, { recursive: true, force: true });
  }
}

interface Work {
  readonly installed: InstalledPaths;
  readonly inbox: InboxPaths;
  readonly manifest: ReleaseManifest;
  readonly path: string;
}

async function install(work: Work, release: SignedRelease): Promise<void> {
  const { installed, manifest, path } = work;
  const { app, runtime } = partsOf(manifest);
  const isNew = runtime !== undefined && !(await exists(join(installed.runtimeFolder(runtime), 'bin/node')));
  await requireRoom(installed, [app, ...(isNew ? [runtime] : [])]);
  await mkdir(installed.incoming, { recursive: true });
  if (isNew) await settle(await unpackPart(work, runtime), installed.runtimeFolder(runtime));
  const folder = await unpackPart(work, app);
  if (!(await exists(join(folder, 'agent.mjs')))) throw new RejectedError('corrupt', 'the release has no agent.mjs');
  const node = runtime
    ? relative(installed.releaseFolder(manifest.version), join(installed.runtimeFolder(runtime), 'bin/node'))
    : await systemNode(path, manifest.nodeVersion);
  for (const name of ['node', releaseFileName]) await rm(join(folder, name), { force: true });
  await symlink(node, join(folder, 'node'));
  await writeDurably(join(folder, releaseFileName), JSON.stringify(release));
  await settle(folder, installed.releaseFolder(manifest.version));
}

async function readStaged(inbox: InboxPaths, key: KeyObject, version: string) {
  const text = await readForeign(inbox.release, maxReleaseFileBytes);
  const release = parseJson(Buffer.from(text), signedReleaseSchema, 'release');
  const manifest = readRelease(release, key);
  if (manifest.version !== version) throw new RejectedError('refused', `it is ${manifest.version}, not ${version}`);
  const arch = releaseArchOf(process.arch);
  if (manifest.arch !== arch)
    throw new RejectedError('refused', `it is for ${manifest.arch}, and this is ${arch ?? process.arch}`);
  return { release, manifest };
}

/** Another release of that version goes, unless it is the one that runs. */
async function isInstalled(installed: InstalledPaths, release: SignedRelease, version: string): Promise<boolean> {
  const folder = installed.releaseFolder(version);
  if (!(await exists(folder))) return false;
  const there = await readFile(installed.releaseFile(version), 'utf8')
    .then((text) => signedReleaseSchema.parse(JSON.parse(text)).signed)
    .catch(() => undefined);
  if (there === release.signed && (await exists(join(folder, 'node')))) return true;
  const running = await realpath(installed.current).catch(() => undefined);
  if (running === (await realpath(folder))) throw new RejectedError('refused', 'another release of this version runs');
  await rm(installed.trash, { recursive: true, force: true });
  await mkdir(installed.trash, { recursive: true });
  await rename(folder, join(installed.trash, version));
  return false;
}

/** Copies the archive to where nobody else writes, checks it, and unpacks it beside. */
async function unpackPart({ installed, inbox }: Work, part: ReleasePart): Promise<string> {
  const archive = join(installed.incoming, `${part.name}.tar.xz`);
  const folder = join(installed.incoming, part.name);
  const hash = await copy(inbox.part(part.sha256), archive, part.bytes);
  if (hash !== part.sha256) throw new RejectedError('corrupt', `the archive of the ${part.name} has other bytes`);
  await unpack({ archive, folder, maxBytes: part.unpackedBytes });
  await rm(archive);
  return folder;
}

/** Resolves with the SHA-256 of what was copied. */
async function copy(from: string, to: string, expected: number): Promise<string> {
  const { file: source, bytes } = await openForeign(from);
  const target = await open(to, 'wx', 0o600);
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(copyBytes);
  try {
    if (bytes !== expected) throw new RejectedError('corrupt', `${from} has ${bytes} bytes, not ${expected}`);
    for (let left = expected; left > 0;) {
      const { bytesRead } = await source.read(buffer, 0, Math.min(copyBytes, left));
      if (bytesRead === 0) break;
      const chunk = buffer.subarray(0, bytesRead);
      hash.update(chunk);
      await target.writeFile(chunk);
      left -= bytesRead;
    }
    return hash.digest('hex');
  } finally {
    await Promise.all([source.close(), target.close()]);
  }
}

/** Gives a whole folder its name. */
async function settle(folder: string, name: string): Promise<void> {
  const parent = dirname(name);
  await mkdir(parent, { recursive: true });
  await syncFolder(folder);
  // What may be there is no runtime that runs: it has no node.
  await rm(name, { recursive: true, force: true });
  await rename(folder, name);
  await syncFolder(parent);
}

async function requireRoom({ directory }: InstalledPaths, parts: readonly ReleasePart[]): Promise<void> {
  const { bavail, bsize } = await statfs(directory);
  const needed = parts.reduce((sum, { bytes, unpackedBytes }) => sum + bytes + unpackedBytes, keepFreeBytes);
  if (bavail * bsize >= needed) return;
  throw new RetryableError('disk-full', `it needs ${needed} bytes below ${directory}, and ${bavail * bsize} are free`);
}

/** The Node that a release without one runs on. */
async function systemNode(path: string, wanted: string): Promise<string> {
  for (const folder of path.split(':')) {
    const node = join(folder, 'node');
    if (!(await exists(node))) continue;
    const { stdout } = await promisify(execFile)(node, ['--version']);
    const found = stdout.trim().replace(/^v/, '');
    if (compareVersions(found, wanted.replace(/^v/, '')) >= 0) return node;
    throw new RejectedError('refused', `it takes Node ${wanted}, and ${node} is ${found}`);
  }
  throw new RejectedError('refused', `it takes Node ${wanted}, and there is none in ${path}`);
}

function partsOf({ parts }: ReleaseManifest) {
  return { app: parts.find(({ name }) => name === 'app')!, runtime: parts.find(({ name }) => name === 'runtime') };
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
