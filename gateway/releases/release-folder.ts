import { createHash, randomBytes, type KeyObject } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { parseJson } from '#core/contract/alert.js';
import { ContractError } from '#core/contract/contract-error.js';
import { releaseFiles } from '#core/contract/release-files.js';
import {
  readRelease,
  releaseManifestSchema,
  signedReleaseSchema,
  type ReleaseArch,
  type ReleaseManifest,
  type SignedRelease,
} from '#core/contract/release.js';
import type { Clock } from '#core/runtime/clock.js';
import { RejectedError, RetryableError, systemCode } from '#core/runtime/errors.js';

export interface ReleaseFolderOptions {
  readonly directory: string;
  readonly maxPartBytes: number;
  /** Of all parts. */
  readonly maxBytes: number;
  /** An upload that does not move for so long has ended. */
  readonly stallMs: number;
  readonly clock: Pick<Clock, 'nowUs'>;
  /** Throws FatalError `bad-config`. Undefined: whoever may upload is believed. */
  readonly publicKey?: (() => Promise<KeyObject>) | undefined;
}

/** A release as it is told. */
export interface KeptRelease {
  readonly release: SignedRelease;
  readonly manifest: ReleaseManifest;
  /** Whether all its parts are here. */
  readonly complete: boolean;
}

const hashPattern = /^[0-9a-f]{64}$/;
const incomingPattern = /^\.(?:[0-9a-f]{64}|.+\.json)\.[0-9a-f]{12}$/;
/** So many times `stallMs` after its last byte a file that has no name yet is nobody's. */
const abandonedAfterStalls = 10;

/**
 * Releases in a folder: `parts/<sha256>` and `<version>-<arch>.json`. What has its name is whole, and synced. Nothing of it is
 * kept in memory, so several processes, of several hosts, may share the folder: what one takes all have.
 */
export class ReleaseFolder {
  constructor(private readonly options: ReleaseFolderOptions) {}

  /** A part, to be closed by the caller; undefined if it is not here. Only a plain file counts, whatever its name. */
  async openPart(sha256: string): Promise<{ readonly file: FileHandle; readonly bytes: number } | undefined> {
    if (!hashPattern.test(sha256)) return undefined;
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    const file = await open(this.partPath(sha256), flags).catch((error: unknown) => {
      if (['ENOENT', 'ELOOP', 'ENXIO', 'ENOTDIR'].includes(systemCode(error) ?? '')) return undefined;
      throw error;
    });
    if (!file) return undefined;
    const found = await file.stat();
    if (found.isFile()) return { file, bytes: found.size };
    await file.close();
    return undefined;
  }

  async partBytes(sha256: string): Promise<number | undefined> {
    const part = await this.openPart(sha256);
    await part?.file.close();
    return part?.bytes;
  }

  async list(): Promise<KeptRelease[]> {
    const names = await readdir(this.options.directory).catch(whereNothing<string[]>([]));
    const found: KeptRelease[] = [];
    for (const name of names.filter((one) => one.endsWith('.json')).sort()) {
      const kept = await this.read(name);
      if (kept) found.push(kept);
    }
    return found;
  }

  async get(version: string, arch: ReleaseArch): Promise<KeptRelease | undefined> {
    return this.read(releaseFiles.manifest({ version, arch }));
  }

  /**
   * Takes a part. Throws RejectedError `too-large`, or `corrupt` for bytes with another hash; RetryableError `over-budget`.
   * A part that is here already is not written again, and its bytes are read to the end all the same.
   */
  async putPart(sha256: string, bytes: AsyncIterable<Uint8Array>): Promise<number> {
    if (!hashPattern.test(sha256)) throw new RejectedError('refused', 'a part is named by its sha256');
    const parts = join(this.options.directory, releaseFiles.parts);
    await mkdir(parts, { recursive: true });
    await this.removeAbandoned(parts);
    const before = await this.totalBytes();
    return this.bring(parts, sha256, (file) => this.write(file, bytes, sha256, before));
  }

  /**
   * Keeps a manifest whose parts are here. Throws ContractError for one that is none or not of the pinned key, RejectedError
   * `refused` if a part is missing, or another manifest has the name.
   */
  async put(release: SignedRelease, version: string, arch: string): Promise<ReleaseManifest> {
    const manifest = await this.manifestOf(release);
    if (manifest.version !== version || manifest.arch !== arch) {
      throw new ContractError('wrong-identity', `a manifest of ${manifest.version} for ${manifest.arch}`);
    }
    const before = await this.get(version, manifest.arch);
    if (before && before.release.signed !== release.signed) {
      throw new RejectedError(
        'refused',
        `another ${version} for ${arch} is here already: give the new one a new version`,
      );
    }
    for (const { sha256, bytes } of manifest.parts) {
      if ((await this.partBytes(sha256)) !== bytes) throw new RejectedError('refused', `part ${sha256} is not here`);
    }
    const { directory } = this.options;
    await this.removeAbandoned(directory);
    await this.bring(directory, releaseFiles.manifest(manifest), (file) => file.writeFile(JSON.stringify(release)));
    return manifest;
  }

  /** Takes a manifest away, and the parts that no other one names. False if there is none. */
  async remove(version: string, arch: ReleaseArch): Promise<boolean> {
    const kept = await this.get(version, arch);
    if (!kept) return false;
    await rm(join(this.options.directory, releaseFiles.manifest({ version, arch })), { force: true });
    const used = new Set((await this.list()).flatMap(({ manifest }) => manifest.parts.map(({ sha256 }) => sha256)));
    for (const { sha256 } of kept.manifest.parts) {
      if (!used.has(sha256)) await rm(this.partPath(sha256), { force: true });
    }
    return true;
  }

  private partPath(sha256: string): string {
    return join(this.options.directory, releaseFiles.part(sha256));
  }

  private async read(name: string): Promise<KeptRelease | undefined> {
    const text = await readFile(join(this.options.directory, name)).catch(whereNothing(undefined));
    if (!text) return undefined;
    const release = signedReleaseSchema.safeParse(safeJson(text));
    const manifest = release.success && releaseManifestSchema.safeParse(safeJson(release.data.signed));
    // A file that was put here by another name, or is none of ours, is no release.
    if (!release.success || !manifest || !manifest.success || releaseFiles.manifest(manifest.data) !== name)
      return undefined;
    const missing = [];
    for (const { sha256, bytes } of manifest.data.parts)
      if ((await this.partBytes(sha256)) !== bytes) missing.push(sha256);
    return { release: release.data, manifest: manifest.data, complete: missing.length === 0 };
  }

  private async manifestOf(release: SignedRelease): Promise<ReleaseManifest> {
    const { publicKey } = this.options;
    if (publicKey) return readRelease(release, await publicKey());
    return parseJson(Buffer.from(release.signed, 'utf8'), releaseManifestSchema, 'release');
  }

  private async write(
    file: FileHandle,
    bytes: AsyncIterable<Uint8Array>,
    sha256: string,
    before: number,
  ): Promise<number> {
    const { maxPartBytes, maxBytes } = this.options;
    const hash = createHash('sha256');
    let length = 0;
    for await (const chunk of bytes) {
      length += chunk.byteLength;
      if (length > maxPartBytes) throw new RejectedError('too-large', `a part has at most ${maxPartBytes} bytes`);
      if (before + length > maxBytes)
        throw new RetryableError('over-budget', `all parts have at most ${maxBytes} bytes`);
      hash.update(chunk);
      await file.write(chunk);
    }
    const found = hash.digest('hex');
    if (found !== sha256) throw new RejectedError('corrupt', `the bytes have the sha256 ${found}`);
    return length;
  }

  /** Gives a file its name when all of it is on the disk; until then, and after a kill, it is hidden and nothing. */
  private async bring<T>(folder: string, name: string, write: (file: FileHandle) => Promise<T>): Promise<T> {
    const incoming = join(folder, `.${name}.${randomBytes(6).toString('hex')}`);
    const file = await open(incoming, 'wx', 0o644);
    try {
      const result = await writeSynced(file, write);
      await rename(incoming, join(folder, name));
      await syncFolder(folder);
      return result;
    } catch (error) {
      await rm(incoming, { force: true });
      throw error;
    }
  }

  /** Takes away what an upload left whose process was killed. Another process may be about one just now. */
  private async removeAbandoned(folder: string): Promise<void> {
    const { clock, stallMs } = this.options;
    const beforeMs = clock.nowUs() / 1000 - abandonedAfterStalls * stallMs;
    for (const name of await readdir(folder)) {
      if (!incomingPattern.test(name)) continue;
      const found = await stat(join(folder, name)).catch(whereNothing(undefined));
      if (found?.isFile() && found.mtimeMs < beforeMs) await rm(join(folder, name), { force: true });
    }
  }

  private async totalBytes(): Promise<number> {
    const parts = join(this.options.directory, releaseFiles.parts);
    const names = await readdir(parts).catch(whereNothing<string[]>([]));
    let total = 0;
    for (const name of names) total += (await stat(join(parts, name)).catch(whereNothing({ size: 0 }))).size;
    return total;
  }
}

function whereNothing<T>(instead: T): (error: unknown) => T {
  return (error) => {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return instead;
    throw error;
  };
}

function safeJson(text: Uint8Array | string): unknown {
  try {
    return JSON.parse(text.toString());
  } catch {
    return undefined;
  }
}

async function writeSynced<T>(file: FileHandle, write: (file: FileHandle) => Promise<T>): Promise<T> {
  try {
    const result = await write(file);
    await file.sync();
    return result;
  } finally {
    await file.close();
  }
}

/** A new name outlives a power failure only then. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  await folder.sync().finally(() => folder.close());
}
