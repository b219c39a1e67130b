import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../servers/free-port.js';
import { installDebian, type DebianProgram } from '../servers/install-debian.js';
import { skipOrThrow } from '../servers/missing-server.js';
import { runCommand } from '../servers/run-command.js';
import { spawnServer } from '../servers/spawn-server.js';

const openssh: DebianProgram = {
  name: 'sshd',
  packages: ['openssh-server'],
  programs: [],
  unpacked: 'usr/sbin/sshd',
  unpackAlways: true,
};
const install = () => installDebian(openssh, (line) => process.stderr.write(`${line}\n`));

/** Whether there is an sshd and a client, as `haveServers` tells it. */
export async function haveSshd(): Promise<boolean> {
  try {
    await install();
    return true;
  } catch (error) {
    skipOrThrow(error);
    return false;
  }
}

export interface Sshd {
  readonly target: string;
  /** Where the machine that it stands for keeps what is temporary. */
  readonly temporary: string;
  /** For the client: its own files and nobody's, the host's key known, a key that is taken. */
  readonly words: readonly string[];
  /** The same with files of the folder changed: `known_hosts`, `id`. */
  readonly wordsWith: (files: { knownHosts?: string; key?: string }) => string[];
  readonly stop: () => Promise<void>;
}

/** An sshd on loopback that lets this user in, with keys of its own. */
export async function startSshd(folder: string): Promise<Sshd> {
  const { path, env } = await install();
  const port = await freePort();
  for (const name of ['host', 'id', 'other']) {
    await runCommand('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, name)], { withinMs: 20_000 });
  }
  await writeFile(join(folder, 'authorized_keys'), await readFile(join(folder, 'id.pub')));
  const [kind, key] = (await readFile(join(folder, 'host.pub'), 'utf8')).split(' ');
  await writeFile(join(folder, 'known_hosts'), `[127.0.0.1]:${port} ${kind} ${key}\n`);
  await writeFile(join(folder, 'unknown_hosts'), '');
  await mkdir(join(folder, 'tmp'));
  await writeFile(join(folder, 'sshd_config'), configOf(folder, port));
  const words = [path, '-D', '-e', '-f', join(folder, 'sshd_config')];
  const server = await spawnServer({
    ...{ name: 'sshd', env, folder, readyWithinMs: 30_000, ready: () => answers(port) },
    ...(process.getuid?.() === 0 ? await asRoot(folder, words) : { command: words[0]!, args: words.slice(1) }),
  });
  const wordsWith = ({ knownHosts = 'known_hosts', key: id = 'id' }) => [
    ...['-F', '/dev/null', '-p', String(port), '-i', join(folder, id), '-o', 'IdentitiesOnly=yes'],
    ...['-o', `UserKnownHostsFile=${join(folder, knownHosts)}`, '-o', 'StrictHostKeyChecking=yes'],
  ];
  return {
    target: `${userInfo().username}@127.0.0.1`,
    temporary: join(folder, 'tmp'),
    words: wordsWith({}),
    wordsWith,
    stop: () => server.terminate(),
  };
}

function configOf(folder: string, port: number): string {
  return [
    `ListenAddress 127.0.0.1:${port}`,
    `HostKey ${join(folder, 'host')}`,
    `AuthorizedKeysFile ${join(folder, 'authorized_keys')}`,
    `PidFile ${join(folder, 'pid')}`,
    `SetEnv TMPDIR=${join(folder, 'tmp')}`,
    ...['UsePAM no', 'StrictModes no', 'PasswordAuthentication no', 'PermitRootLogin yes', ''],
  ].join('\n');
}

/** For root it wants a user and a folder that this machine need not have: they are there for it alone. */
async function asRoot(folder: string, words: readonly string[]) {
  const passwd = await readFile('/etc/passwd', 'utf8');
  const has = /^sshd:/m.test(passwd);
  await writeFile(join(folder, 'passwd'), has ? passwd : `${passwd}sshd:x:65533:65534::/run/sshd:/usr/sbin/nologin\n`);
  await chmod(join(folder, 'passwd'), 0o644);
  await mkdir(join(folder, 'run'), { recursive: true });
  const script = `mount --bind ${folder}/passwd /etc/passwd && mount -t tmpfs tmpfs /run && mkdir -m 755 /run/sshd && exec "$@"`;
  return { command: 'unshare', args: ['--mount', 'sh', '-c', script, 'sh', ...words] };
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('data', () => resolve(socket.destroy() !== undefined));
    socket.once('error', () => resolve(false));
  });
}
