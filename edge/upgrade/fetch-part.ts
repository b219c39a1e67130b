import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { ReleasePart } from '#core/contract/release.js';
import type { Clock } from '#core/runtime/clock.js';
import { messageOf, RejectedError, RetryableError, systemCode } from '#core/runtime/errors.js';
import { retryDelays } from '#core/runtime/retry.js';
import { download } from './download.js';
import { syncFolder } from './durable-files.js';
import { freeBytes } from './free-bytes.js';

export interface FetchPartOptions {
  readonly part: ReleasePart;
  /** Where it will be. Beside it lies what has come so far, over restarts too. */
  readonly path: string;
  /** Addresses of folders, in the order in which they are tried. */
  readonly sources: readonly string[];
  readonly ca?: readonly string[] | undefined;
  readonly keepFreeBytes: number;
  readonly maxBytesPerSecond?: number | undefined;
  readonly stallMs: number;
  readonly clock: Pick<Clock, 'monotonicMs' | 'sleep'>;
  /** Yields [0, 1). */
  readonly random: () => number;
  readonly signal: AbortSignal;
  readonly onBytes: (have: number) => void;
  /** Why it does not go on now. */
  readonly onTrouble: (reason: string) => void;
}

const again = { firstMs: 1000, maxMs: 600_000, jitter: 0.5 };

/**
 * Fetches one part until it is there, whole and right, whatever happens on the way: each source in its turn, then again
 * after a while. Throws RejectedError `corrupt` if every source has other bytes, and RetryableError `stopped`.
 */
export async function fetchPart(options: FetchPartOptions): Promise<void> {
  const { part, path, sources, clock, random, signal, onTrouble } = options;
  await mkdir(dirname(path), { recursive: true });
  if (await isRight(path, part)) return;
  const wrong = new Set<string>();
  let delays = retryDelays(again, random);
  for (let before = -1; ;) {
    for (const source of sources.filter((one) => !wrong.has(one))) {
      try {
        if (await fetchFrom(source, options)) return;
        wrong.add(source);
      } catch (error) {
        if (signal.aborted) throw new RetryableError('stopped', 'stopped while fetching', { cause: error });
        if (systemCode(error) === 'ENOSPC' || isFull(error)) await rm(partialOf(path), { force: true });
        onTrouble(messageOf(error));
      }
    }
    if (wrong.size === sources.length) throw new RejectedError('corrupt', 'no source has it with its hash');
    const have = await sizeOf(partialOf(path));
    // What came shows that it goes on: the next trouble is another one.
    if (have > before && before !== -1) delays = retryDelays(again, random);
    before = have;
    await clock.sleep(delays.next().value, signal);
    if (signal.aborted) throw new RetryableError('stopped', 'stopped while fetching');
  }
}

/** False if this source has other bytes. */
async function fetchFrom(source: string, options: FetchPartOptions): Promise<boolean> {
  const { part, path, keepFreeBytes } = options;
  const partial = partialOf(path);
  const url = new URL(`${source.replace(/\/+$/, '')}/${part.sha256}`);
  for (;;) {
    const origin = await originOf(partial);
    const isOwn = origin?.url === url.href;
    // What has come from several sources is nobody's.
    if (!isOwn && (await sizeOf(partial)) > 0) await writeOrigin(partial, { url: '' });
    let isFresh = false;
    await download({
      ...options,
      url,
      path: partial,
      etag: isOwn ? origin.etag : undefined,
      onFresh: (etag) => {
        isFresh = true;
        return writeOrigin(partial, { url: url.href, ...(etag !== undefined && { etag }) });
      },
      requireRoom: async () => {
        const free = await freeBytes(dirname(path));
        if (free < keepFreeBytes) throw new RetryableError('disk-full', `only ${free} bytes are free`);
      },
    });
    if (await isRight(partial, part)) break;
    await rm(partial, { force: true });
    // What several sources had together says nothing of one.
    if (isFresh || isOwn) return false;
  }
  await rename(partial, path);
  await syncFolder(dirname(path));
  await rm(originFile(partial), { force: true });
  return true;
}

function isFull(error: unknown): boolean {
  return error instanceof RetryableError && error.code === 'disk-full';
}

export function partialOf(path: string): string {
  return `${path}.partial`;
}

/** Whence the bytes of a partial file came. */
interface Origin {
  readonly url: string;
  readonly etag?: string;
}

function originFile(partial: string): string {
  return `${partial}.from`;
}

async function originOf(partial: string): Promise<Origin | undefined> {
  try {
    const { url, etag } = JSON.parse(await readFile(originFile(partial), 'utf8')) as Partial<Origin>;
    return typeof url === 'string' ? { url, ...(typeof etag === 'string' && { etag }) } : undefined;
  } catch {
    return undefined;
  }
}

/** Not synced: the hash tells in the end. */
async function writeOrigin(partial: string, origin: Origin): Promise<void> {
  const file = await open(originFile(partial), 'w');
  try {
    await file.writeFile(JSON.stringify(origin));
  } finally {
    await file.close();
  }
}

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}

/** Whether the file is there and has the hash of the part. */
async function isRight(path: string, { bytes, sha256 }: ReleasePart): Promise<boolean> {
  if ((await sizeOf(path)) !== bytes) return false;
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex') === sha256;
}
