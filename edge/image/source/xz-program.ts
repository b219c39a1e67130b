import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { RejectedError, systemCode } from '#core/runtime/errors.js';
import { rangeStream, type FileRange } from './file-range.js';
import type { ReadOptions } from './image-source.js';

/** Several threads, where the file has several blocks. Said in the environment: versions that know no threads pass over it. */
const environment = { LC_ALL: 'C', XZ_DEFAULTS: '', XZ_OPT: '-T0' };

/** Whether the program of XZ Utils is on the PATH. Others of that name need not check what they unpack. */
export async function hasXzProgram(): Promise<boolean> {
  const xz = spawn('xz', ['--version'], { stdio: ['ignore', 'pipe', 'ignore'], env: environmentOfXz() });
  const failed = once(xz, 'error').then(() => '');
  return /^xz \(XZ Utils\)/.test(await Promise.race([text(xz.stdout), failed]));
}

/**
 * Unpacks by the program, which is fed by us so that progress is counted alike, and killed when the reader leaves. Throws
 * what it says of the file, and RejectedError: `refused` with the sentence for its absence, `unavailable` if it was killed.
 */
export async function* unpackByProgram(
  range: FileRange,
  absent: string,
  options: ReadOptions,
): AsyncIterable<Uint8Array> {
  const xz = spawn('xz', ['-d', '-c'], { stdio: ['pipe', 'pipe', 'pipe'], env: environmentOfXz() });
  const ended = new Promise<void>((resolve, reject) => {
    const complaints: Buffer[] = [];
    xz.stderr.on('data', (chunk: Buffer) => complaints.length < 16 && complaints.push(chunk));
    xz.on('error', (cause) => {
      const isAbsent = systemCode(cause) === 'ENOENT';
      reject(isAbsent ? new RejectedError('refused', `${range.path} ${absent}`, { cause }) : cause);
    });
    xz.on('close', (code, signal) => {
      if (code === 0) resolve();
      else reject(failure(range.path, Buffer.concat(complaints).toString(), signal ?? code));
    });
  });
  ended.catch(() => undefined);
  const packed = rangeStream(range, options);
  // If the program ends early, its exit tells why.
  xz.stdin.on('error', () => packed.destroy());
  let readError: Error | undefined;
  packed
    .on('error', (error) => {
      readError = error;
      xz.kill();
    })
    .pipe(xz.stdin);
  try {
    yield* xz.stdout;
    await ended;
  } catch (error) {
    throw readError ?? error;
  } finally {
    packed.destroy();
    xz.kill();
  }
}

function environmentOfXz(): NodeJS.ProcessEnv {
  return { ...process.env, ...environment };
}

/** It says `xz: (stdin): Compressed data is corrupt`. */
function failure(path: string, said: string, end: NodeJS.Signals | number | null): Error {
  const line = said.trim().split('\n').at(-1)!;
  const sentence = line.replace(/^xz: (\(stdin\): )?/, '') || `the program xz ended with ${end}`;
  if (typeof end === 'number' && !/memory/i.test(sentence)) return new Error(sentence);
  return new RejectedError('unavailable', `${path} could not be unpacked: ${sentence}`);
}
