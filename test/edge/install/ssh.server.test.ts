import { readdirSync } from 'node:fs';
import { mkdtemp, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { FatalError, RetryableError } from '#core/runtime/errors.js';
import { installFiles } from '../../../edge/install/install-files.js';
import { archOverSsh, installOverSsh } from '../../../edge/install/ssh.js';
import { exists } from '../../support/card.js';
import { layRelease, runFlash } from '../../support/flash-folder.js';
import { smallRelease, thisArch } from '../../support/installable-release.js';
import { haveSshd, startSshd, type Sshd } from '../../support/sshd.js';
import { tempDir } from '../../support/temp-dir.js';

const token = 'secret-of-pi-07';
const files = installFiles({ ...(await smallRelease()), identity: { kind: 'token', token } });

describe.skipIf(process.platform !== 'linux' || !(await haveSshd()))('installOverSsh', () => {
  let folder: string;
  let sshd: Sshd;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fieldline-sshd-'));
    sshd = await startSshd(folder);
  });
  afterAll(async () => {
    await sshd?.stop();
    await rm(folder, { recursive: true, force: true });
  });
  const install = (root: string, change: Partial<Parameters<typeof installOverSsh>[1]> = {}, sent = files) =>
    installOverSsh(sent, {
      ...{ target: sshd.target, sshArguments: sshd.words, become: ['env', `FIELDLINE_ROOT=${root}`] },
      ...change,
    });

  test('installs on a system that runs, and leaves nothing of it elsewhere', async () => {
    const root = await tempDir();
    const said: string[] = [];
    await install(root, { progress: (line) => said.push(line) });
    expect(said.join('\n')).toContain('fieldline: installed: 1.0.0');
    expect(await readlink(join(root, 'opt/fieldline/current'))).toBe('releases/1.0.0');
    expect(await readFile(join(root, 'var/lib/fieldline/identity/token'), 'utf8')).toBe(`${token}\n`);
    expect(await exists(join(root, 'etc/systemd/system/fieldline-install.service'))).toBe(false);
    expect(readdirSync(sshd.temporary)).toEqual([]);
  });

  test('finds out what release is for it', async () => {
    expect(await archOverSsh({ target: sshd.target, sshArguments: sshd.words })).toBe(thisArch());
  });

  test('is asked what it is by `fieldline flash --ssh`, which then takes the release for it', async () => {
    const own = await tempDir();
    const file = (name: string) => join(own, name);
    const { release, parts, releaseKey } = await smallRelease();
    await layRelease(file('releases'), release, parts);
    await writeFile(file('key.pem'), releaseKey);
    await writeFile(file('token'), 'a-token-of-a-device-0123456789\n');
    await writeFile(file('ssh'), `#!/bin/sh\nPATH=$FIELDLINE_PATH exec ssh ${sshd.words.join(' ')} "$@"\n`, {
      mode: 0o755,
    });
    vi.stubEnv('FIELDLINE_PATH', process.env.PATH);
    vi.stubEnv('PATH', `${own}:${process.env.PATH}`);
    onTestFinished(() => void vi.unstubAllEnvs());
    const { code, stdout, stderr } = await runFlash([
      ...['--ssh', sshd.target, '--site', 'plant1', '--device', 'pi-07', '--gateway', 'mqtts://gw.example:8883'],
      ...['--release', file('releases/1.0.0'), '--release-key', file('key.pem'), '--token-file', file('token')],
      '--dry-run',
    ]);
    expect(stderr).toContain(`${sshd.target}: its programs are for ${thisArch()}`);
    expect(stdout).toBe(`would install plant1/pi-07, release 1.0.0 for ${thisArch()}: ${sshd.target}\n`);
    expect(code).toBe(0);
  });

  test('tells a host key that is not known, and does not take it', async () => {
    const failure = install('/nowhere', { sshArguments: sshd.wordsWith({ knownHosts: 'unknown_hosts' }) });
    await expect(failure).rejects.toThrow(/Host key verification failed.*compare it/i);
    await expect(failure).rejects.toBeInstanceOf(FatalError);
    expect(await readFile(join(folder, 'unknown_hosts'), 'utf8')).toBe('');
  });

  test('tells a login that is refused', async () => {
    const failure = install('/nowhere', { sshArguments: sshd.wordsWith({ key: 'other' }) });
    await expect(failure).rejects.toThrow(/takes none of your keys: `ssh-copy-id`/);
  });

  test('may be tried again where nobody answers', async () => {
    await expect(install('/nowhere', { sshArguments: ['-F', '/dev/null', '-p', '1'] })).rejects.toBeInstanceOf(
      RetryableError,
    );
  });

  test('hands on what the installer says', async () => {
    const root = await tempDir();
    const [part] = files.filter(({ path }) => path.includes('/parts/'));
    const damaged = files.map((file) => (file === part ? { ...file, bytes: Buffer.from('x') } : file));
    await expect(install(root, {}, damaged)).rejects.toThrow(/the files on the card are not those that were written/);
    expect(readdirSync(sshd.temporary)).toEqual([]);
  });

  test('says what to do where sudo asks for a password', async () => {
    const sudo = join(await tempDir(), 'sudo');
    await writeFile(sudo, '#!/bin/sh\necho "sudo: a password is required" >&2\nexit 1\n', { mode: 0o755 });
    await expect(install('/nowhere', { become: [sudo, '-n'] })).rejects.toThrow(/allow the user sudo without one/);
  });

  test('says what is missing where there is no ssh', async () => {
    await expect(install('/nowhere', { program: '/nowhere/ssh' })).rejects.toThrow(/install the OpenSSH client/);
  });
});
