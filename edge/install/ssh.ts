import { spawn } from 'node:child_process';
import { pipeline } from 'node:stream/promises';
import { pack } from 'tar-stream';
import { FatalError, RetryableError } from '#core/runtime/errors.js';
import type { BootFile } from '../image/boot-partition.js';

export interface SshOptions {
  /** `pi@192.168.1.7`, or a name of the ssh configuration. */
  readonly target: string;
  /** Words for ssh before the target, such as `-p 2222`. */
  readonly sshArguments?: readonly string[];
  /** Default `ssh`. */
  readonly program?: string;
  /** What runs the installer as root; default `sudo -n`, empty for a target that is root. */
  readonly become?: readonly string[];
  /** Words for install.sh, and what goes before its name. */
  readonly installArguments?: readonly string[];
  /** A line of what the device says. */
  readonly progress?: (line: string) => void;
  readonly signal?: AbortSignal;
}

/**
 * Installs on a system that runs already, over one connection of the system's own ssh: keys, jumps, and the check of the host's
 * key are as a person has set them. Nothing of it stays in the device's `/tmp`.
 * Throws FatalError `refused` (host key, login, sudo, installer), RetryableError `unavailable` (not reached); each with the next step.
 */
export async function installOverSsh(files: readonly BootFile[], options: SshOptions): Promise<void> {
  const { target, program = 'ssh', sshArguments = [] } = options;
  // A password could not be typed: the standard input is the archive.
  const words = [
    '-o',
    'BatchMode=yes',
    '-o',
    'ConnectTimeout=15',
    ...sshArguments,
    '--',
    target,
    remoteCommand(options),
  ];
  const child = spawn(program, words, { stdio: ['pipe', 'pipe', 'pipe'], signal: options.signal });
  const said: string[] = [];
  const hear = (chunk: Buffer) => {
    for (const line of chunk.toString('utf8').split(/\r?\n/).filter(Boolean)) {
      said.push(line);
      options.progress?.(line);
    }
  };
  child.stdout.on('data', hear);
  child.stderr.on('data', hear);
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  // A refused connection breaks the pipe; what ssh says of it is worth more.
  const sent = pipeline(archiveOf(files), child.stdin).catch(() => undefined);
  const code = await ended.catch((cause: unknown) => {
    throw new FatalError('bad-config', `${program} cannot be run: install the OpenSSH client`, { cause });
  });
  await sent;
  if (code !== 0) throw explained(code, said, target);
}

/** Unpacks into a folder of its own, installs, and removes it whatever came of it. */
function remoteCommand({ become = ['sudo', '-n'], installArguments = [] }: SshOptions): string {
  const script = [
    'set -eu; umask 077',
    'folder=$(mktemp -d)',
    `trap 'rm -rf "$folder"' EXIT`,
    'tar -xf - -C "$folder"',
    `${[...become, 'sh', '"$folder/fieldline/install.sh"', '--once', ...installArguments].join(' ')}`,
  ].join('; ');
  return `sh -c '${script.replaceAll("'", `'\\''`)}'`;
}

function archiveOf(files: readonly BootFile[]) {
  const tar = pack();
  for (const { path, bytes } of files) {
    tar.entry({ name: path, mode: path.includes('/secrets/') ? 0o600 : 0o644, mtime: new Date(0) }, Buffer.from(bytes));
  }
  tar.finalize();
  return tar;
}

const explanations: readonly [pattern: RegExp, next: string][] = [
  [
    /host key verification failed|host identification has changed/i,
    'its host key is not the one that is known, or none is known: compare it, then `ssh` there once by hand',
  ],
  [/permission denied/i, 'it takes none of your keys: `ssh-copy-id` to it first'],
  [
    /sudo: .*(password|terminal|askpass)/i,
    'sudo asks for a password there: log in as root, or allow the user sudo without one',
  ],
  [/not in the sudoers|may not run sudo/i, 'that user may not use sudo there: take another one'],
];

function explained(code: number | null, said: readonly string[], target: string): Error {
  const text = said.join('\n');
  const last = said.at(-1) ?? `ssh ended with ${code}`;
  const known = explanations.find(([pattern]) => pattern.test(text));
  if (known !== undefined) return new FatalError('refused', `${target}: ${last}; ${known[1]}`);
  if (code === 255) return new RetryableError('unavailable', `${target} was not reached: ${last}`);
  return new FatalError('refused', `${target}: the installer ended with ${code}: ${last}`);
}
