import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';
import { FatalError, systemCode } from '#core/runtime/errors.js';
import type { ReleaseProgress } from './release.js';

/**
 * One thread and a named preset, so that the bytes are those of every machine; the CRC is one that the smallest decoders
 * know, and a dictionary of 8 MiB is what a board with 512 MB unpacks beside an agent that runs.
 */
const xzArguments = ['--format=xz', '-6', '--threads=1', '--check=crc32', '--stdout'];

/**
 * Compresses by the `xz` program. Where there is none the stream is a valid `.xz` too, made in this process, but stored
 * and not compressed: four times as large.
 */
export async function xz(bytes: Uint8Array, progress?: ReleaseProgress): Promise<Uint8Array> {
  try {
    return await byProgram(bytes);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
    progress?.(
      'no xz program here, so the archive stays uncompressed; install xz (xz-utils) for a quarter of its size',
    );
    const { xz: stored } = await import('@napi-rs/lzma');
    return stored.compress(bytes);
  }
}

async function byProgram(bytes: Uint8Array): Promise<Uint8Array> {
  const child = spawn('xz', xzArguments, { stdio: ['pipe', 'pipe', 'pipe'] });
  const ended = once(child, 'close') as Promise<[number | null]>;
  // An early end of the program is told by its exit code.
  child.stdin.on('error', () => undefined);
  child.stdin.end(bytes);
  const [out, complaint, [code]] = await Promise.all([buffer(child.stdout), buffer(child.stderr), ended]);
  if (code === 0) return out;
  throw new FatalError('unavailable', `xz ended with ${code}: ${complaint.toString().trim()}`);
}
