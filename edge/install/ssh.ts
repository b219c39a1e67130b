import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { ReleaseArch } from '#core/contract/release.js';
import { FatalError, RetryableError } from '#core/runtime/errors.js';
import type { BootFile } from '../image/boot-partition.js';
import { tarArchive } from './tar-archive.js';

export interface SshOptions {
  /** `pi@192.168.1.7`, or a name of the ssh configuration. */
  readonly target: string;
  /** Words for ssh before the target, such as `-p 2222`. */
  readonly sshArguments?: readonly string[];
  /** Default `ssh`. */
  readonly program?: string;
  /** What runs the installer as root. Default: nothing where the login is root, else `sudo -n`. */
  readonly become?: readonly string[];
  /** Words for install.sh. */
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
  await runOverSsh(installCommand(options), await archiveOf(files), options);
}

/** What the programs there are made for, so that the right release is sent. Throws as {@link installOverSsh} does. */
export async function archOverSsh(options: SshOptions): Promise<ReleaseArch> {
  const said = await runOverSsh(
    'uname -m; getconf LONG_BIT; dpkg --print-architecture 2>/dev/null || true',
    '',
    options,
  );
  const [machine = '', bits = '', packages = ''] = said.slice(-3);
  if (machine === 'armv6l')
    throw new FatalError('refused', `${options.target} has an ARMv6 processor, for which there is no Node.js`);
  if (packages === 'arm64' || (machine === 'aarch64' && bits === '64')) return 'arm64';
  if (packages === 'armhf' || /^(aarch64|armv[78]l)$/.test(machine)) return 'armv7l';
  if (machine === 'x86_64' && bits === '64') return 'x64';
  throw new FatalError('refused', `${options.target} is ${machine}, for which there is no release`);
}

async function runOverSsh(command: string, input: string | Buffer, options: SshOptions): Promise<string[]> {
  const { target, program = 'ssh', sshArguments = [], signal } = options;
  // A password could not be typed: the standard input is the archive.
  const ours = ['-o', 'BatchMode=yes', '-o', 'ConnectTimeout=15'];
  const child = spawn(program, [...ours, ...sshArguments, '--', target, command], { signal });
  const said: string[] = [];
  for (const output of [child.stdout, child.stderr]) {
    createInterface({ input: output }).on('line', (line) => {
      said.push(line);
      options.progress?.(line);
    });
  }
  // A refused connection breaks the pipe; what ssh says of it is worth more.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const code = await endOf(child).catch((cause: unknown) => {
    signal?.throwIfAborted();
    throw new FatalError('bad-config', `${program} cannot be run: install the OpenSSH client`, { cause });
  });
  if (code !== 0) throw explained(code, said, target);
  return said;
}

function endOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
}

const rootOrSudo = '$([ "$(id -u)" = 0 ] || echo sudo -n)';

/** Unpacks into a folder of its own, installs, and removes it whatever came of it. */
function installCommand({ become = [rootOrSudo], installArguments = [] }: SshOptions): string {
  const script = [
    'set -eu; umask 077',
    'folder=$(mktemp -d)',
    `trap 'rm -rf "$folder"' EXIT`,
    'tar -xf - -C "$folder"',
    [...become, 'sh', '"$folder/fieldline/install.sh"', '--once', ...installArguments].join(' '),
  ].join('; ');
  return `sh -c '${script.replaceAll("'", `'\\''`)}'`;
}

function archiveOf(files: readonly BootFile[]): Promise<Buffer> {
  const mode = (path: string) => (path.includes('/secrets/') ? 0o600 : 0o644);
  return tarArchive(files.map(({ path, bytes }) => ({ name: path, bytes, mode: mode(path) })));
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
