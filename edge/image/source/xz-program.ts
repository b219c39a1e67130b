import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
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
  const { stdout, ended, stop } = startXz(range, absent, 'pipe', options);
  try {
    yield* stdout!;
    await ended();
  } finally {
    stop();
  }
}

/** The same, into an open and empty file, past this process: a pipe costs more than all else that is done here. */
export async function unpackIntoByProgram(
  range: FileRange,
  absent: string,
  fd: number,
  options: ReadOptions,
): Promise<void> {
  const { ended, stop } = startXz(range, absent, fd, options);
  try {
    await ended();
  } finally {
    stop();
  }
}

interface RunningXz {
  readonly stdout: Readable | null;
  /** Throws what went wrong, with the program or the file that it is fed. */
  ended(): Promise<void>;
  stop(): void;
}

function startXz(range: FileRange, absent: string, output: 'pipe' | number, options: ReadOptions): RunningXz {
  const xz = spawn('xz', ['-d', '-c'], { stdio: ['pipe', output, 'pipe'], env: environmentOfXz() });
  const { stdin, stdout, stderr } = xz as ChildProcess & { stdin: Writable; stderr: Readable };
  const complaints: Buffer[] = [];
  stderr.on('data', (chunk: Buffer) => complaints.length < 16 && complaints.push(chunk));
  const ended = new Promise<void>((resolve, reject) => {
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
  stdin.on('error', () => packed.destroy());
  let readError: Error | undefined;
  packed
    .on('error', (error) => {
      readError = error;
      xz.kill();
    })
    .pipe(stdin);
  // When all of the file was fed, ending that would not end the program.
  options.signal?.addEventListener('abort', () => xz.kill(), { once: true });
  return {
    stdout,
    ended: () =>
      ended.catch((error: unknown) => {
        throw readError ?? error;
      }),
    stop() {
      packed.destroy();
      xz.kill();
    },
  };
}

function environmentOfXz(): NodeJS.ProcessEnv {
  return { ...process.env, ...environment };
}

/** What the program says of the file that it writes, as the system would have told us. */
const writeErrors: readonly (readonly [sentence: RegExp, code: string])[] = [
  [/No space left/, 'ENOSPC'],
  [/quota/i, 'EDQUOT'],
  [/too large/i, 'EFBIG'],
  [/./, 'EIO'],
];

/** It says `xz: (stdin): Compressed data is corrupt`. */
function failure(path: string, said: string, end: NodeJS.Signals | number | null): Error {
  const line = said.trim().split('\n').at(-1)!;
  const writing = /\(stdout\): Write error: (.*)/.exec(said)?.[1];
  if (writing !== undefined) {
    const code = writeErrors.find(([sentence]) => sentence.test(writing))?.[1] ?? 'EIO';
    return Object.assign(new Error(`${path} could not be unpacked: ${writing}`), { code });
  }
  const sentence = line.replace(/^xz: (\(stdin\): )?/, '') || `the program xz ended with ${end}`;
  if (typeof end === 'number' && !/memory/i.test(sentence)) return new Error(sentence);
  return new RejectedError('unavailable', `${path} could not be unpacked: ${sentence}`);
}
