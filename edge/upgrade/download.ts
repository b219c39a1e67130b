import { open, type FileHandle } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import type { ReleasePart } from '#core/contract/release.js';
import type { Clock } from '#core/runtime/clock.js';
import { messageOf, RetryableError } from '#core/runtime/errors.js';
import { httpBody } from './http-body.js';

export interface DownloadOptions {
  readonly url: URL;
  readonly part: Pick<ReleasePart, 'bytes' | 'sha256'>;
  /** Holds what came before, from its first byte on; it is written on at its end. */
  readonly path: string;
  /** What the source called the content of which that is the beginning, if it came from there. */
  readonly etag: string | undefined;
  readonly ca?: readonly string[] | undefined;
  readonly clock: Pick<Clock, 'monotonicMs' | 'sleep'>;
  readonly stallMs: number;
  readonly maxBytesPerSecond?: number | undefined;
  readonly signal: AbortSignal;
  /** Called before bytes are kept that begin anew, with what the source calls them. */
  readonly onFresh: (etag: string | undefined) => Promise<void>;
  readonly onBytes: (have: number) => void;
  /** Throws if the disk has no room left. */
  readonly requireRoom: () => Promise<void>;
}

/** So much is lost at most when the plug is pulled, and so little does a sync hold up those of the outbox. */
const syncEveryBytes = 2 * 1024 * 1024;
/** A source that sends less than this in `stallMs` sends nothing. */
const leastBytes = 1024;

/**
 * Fetches what is missing of a part, from one source, and resolves when the file is as long as it should be; that its bytes
 * are right is for the caller to see. Throws RetryableError: what came is kept for the next try.
 */
export async function download(options: DownloadOptions): Promise<void> {
  const { path, url, signal, clock, stallMs } = options;
  const file = await open(path, 'a+');
  const over = new AbortController();
  const giveUp = () => over.abort();
  signal.addEventListener('abort', giveUp);
  const pace = { bytes: 0 };
  void watch(pace, { clock, stallMs, over });
  try {
    await fetchInto(file, options, { pace, over });
  } catch (error) {
    if (over.signal.aborted && !signal.aborted) {
      throw new RetryableError('timeout', `${url.href}: next to nothing came for ${stallMs / 1000} s`, {
        cause: error,
      });
    }
    if (error instanceof RetryableError) throw error;
    throw new RetryableError('unavailable', `${url.href}: ${messageOf(error)}`, { cause: error });
  } finally {
    over.abort();
    signal.removeEventListener('abort', giveUp);
    await file.close();
  }
}

interface Watched {
  readonly pace: { bytes: number };
  readonly over: AbortController;
}

async function fetchInto(file: FileHandle, options: DownloadOptions, watched: Watched): Promise<void> {
  const { part, url, etag, ca, onFresh, onBytes } = options;
  let have = (await file.stat()).size;
  if (have > part.bytes) await file.truncate((have = 0));
  if (have === part.bytes) return;
  const headers: Record<string, string> = {
    // Otherwise a proxy may pack what is packed.
    'accept-encoding': 'identity',
    'user-agent': 'fieldline',
  };
  if (have > 0) headers.range = `bytes=${have}-`;
  if (have > 0 && etag !== undefined && isStrong(etag)) headers['if-range'] = etag;
  const answer = await httpBody({ url, headers, ca, signal: watched.over.signal });
  try {
    const from = startOf(answer, have, part.bytes, url);
    if (from === 0) {
      await file.truncate((have = 0));
      await onFresh(answer.headers.etag);
    }
    onBytes(have);
    await keep(file, answer, { ...options, have, ...watched });
  } finally {
    answer.destroy();
  }
}

/** Where the body begins: at what was asked for, or anew. Throws RetryableError for an answer that is of no use. */
function startOf({ statusCode, headers }: IncomingMessage, have: number, total: number, url: URL): number {
  const refuse = (what: string) => new RetryableError('unavailable', `${url.href} ${what}`);
  if (statusCode !== 200 && statusCode !== 206) throw refuse(`answered ${statusCode}`);
  if ((headers['content-encoding'] ?? 'identity') !== 'identity') throw refuse('sends it in another coding');
  const from = statusCode === 200 ? 0 : have;
  if (statusCode === 206) {
    const range = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(headers['content-range'] ?? '');
    const fits = range !== null && Number(range[1]) === have && (range[3] === '*' || Number(range[3]) === total);
    if (!fits) throw refuse(`answered with ${headers['content-range'] ?? 'no range'}`);
  }
  const length = headers['content-length'];
  if (length !== undefined && Number(length) !== total - from) throw refuse(`has ${length} bytes, not ${total - from}`);
  return from;
}

async function keep(file: FileHandle, body: IncomingMessage, work: DownloadOptions & Watched & { have: number }) {
  const { part, url, clock, maxBytesPerSecond, requireRoom, onBytes, pace, over } = work;
  const startMs = clock.monotonicMs();
  let [have, came, unsynced] = [work.have, 0, 0];
  for await (const chunk of body as AsyncIterable<Buffer>) {
    if (have + chunk.length > part.bytes) throw new RetryableError('unavailable', `${url.href} sends too much`);
    await file.writeFile(chunk);
    have += chunk.length;
    came += chunk.length;
    unsynced += chunk.length;
    pace.bytes += chunk.length;
    onBytes(have);
    if (unsynced >= syncEveryBytes) {
      await file.datasync();
      await requireRoom();
      unsynced = 0;
    }
    if (maxBytesPerSecond !== undefined) {
      const aheadMs = (came / maxBytesPerSecond) * 1000 - (clock.monotonicMs() - startMs);
      if (aheadMs > 10) {
        // It is we who wait.
        pace.bytes = Infinity;
        await clock.sleep(aheadMs, over.signal);
        pace.bytes = leastBytes;
      }
    }
  }
  await file.datasync();
  if (have < part.bytes)
    throw new RetryableError('unavailable', `${url.href} ended after ${have} of ${part.bytes} bytes`);
}

/** Gives up a source that sends next to nothing. */
async function watch(pace: { bytes: number }, { clock, stallMs, over }: WatchOptions): Promise<void> {
  while (!over.signal.aborted) {
    pace.bytes = 0;
    await clock.sleep(stallMs, over.signal);
    if (pace.bytes < leastBytes) over.abort();
  }
}

interface WatchOptions extends Pick<DownloadOptions, 'clock' | 'stallMs'> {
  readonly over: AbortController;
}

/** Only such a tag says that the bytes are the same. [RFC 9110, section 13.1.5] */
function isStrong(etag: string): boolean {
  return etag.startsWith('"');
}
