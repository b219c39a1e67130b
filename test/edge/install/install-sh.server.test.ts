import { copyFile, mkdir, open, readFile, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { installFiles, type InstallSetup } from '../../../edge/install/install-files.js';
import { exists, layFiles, runShell, treeOf } from '../../support/card.js';
import { newDevice } from '../../support/install-device.js';
import { killEverywhere } from '../../support/kill-install.js';
import { smallRelease, thisArch } from '../../support/installable-release.js';

const token = 'enrolment-token-of-pi-07';
const release = { ...(await smallRelease()), ca: 'CA\n', identity: { kind: 'enrolment', token } as const };

const read = (path: string) => readFile(path, 'utf8');
const modeOf = async (path: string) => ((await stat(path)).mode & 0o777).toString(8);
const device = (setup: InstallSetup = release) => newDevice(setup);
const retry = 'etc/systemd/system/fieldline-install.service';

describe.skipIf(process.platform !== 'linux')('install.sh', () => {
  test('lays everything where it belongs, and takes the secrets off the card', async () => {
    const { card, root, home, data, install } = await device();
    const secret = await open(join(card, 'fieldline/secrets/enrol-token'));
    const { code, said } = await install([], { sync: '/bin/sync "$@"' });
    expect({ code, said }).toMatchObject({
      code: 0,
      said: expect.stringContaining(`installed: 1.0.0 for ${thisArch()}`),
    });
    expect(await readlink(join(home, 'current'))).toBe('releases/1.0.0');
    const ran = await runShell(['-c', `${home}/current/node ${home}/current/agent.mjs run`], {});
    expect(ran.said).toBe(`${home}/current/agent.mjs run\n`);
    expect(await modeOf(join(home, 'guard.sh'))).toBe('755');
    expect(await exists(join(home, 'current/release.json'))).toBe(true);

    for (const name of ['edge.yaml', 'ca.pem', 'release-key.pem']) {
      expect(await modeOf(join(root, 'etc/fieldline', name))).toBe('640');
    }
    expect(await modeOf(join(root, 'etc/fieldline'))).toBe('750');
    expect(await read(join(data, 'identity/enrol-token'))).toBe(`${token}\n`);
    expect(await modeOf(join(data, 'identity/enrol-token'))).toBe('600');
    for (const name of ['outbox', 'identity', 'upgrade']) expect(await modeOf(join(data, name))).toBe('750');

    expect(await readlink(join(root, 'etc/systemd/system/multi-user.target.wants/fieldline-edge.service'))).toBe(
      '/etc/systemd/system/fieldline-edge.service',
    );
    expect(await exists(join(root, retry))).toBe(false);
    expect(await exists(join(card, 'fieldline/secrets'))).toBe(false);
    expect((await secret.readFile('utf8')).replaceAll('\0', '')).toBe('');
    await secret.close();
    expect(await read(join(card, 'fieldline/installed.txt'))).toMatch(/^Fieldline 1\.0\.0 for \S+ was installed/);
  });

  test('changes nothing when it runs again, not even after an upgrade', async () => {
    const { card, root, home, install } = await device();
    await install();
    await mkdir(join(home, 'releases/2.0.0'));
    await rm(join(home, 'current'));
    await symlink('releases/2.0.0', join(home, 'current'));
    await writeFile(join(home, 'guard.sh'), 'newer');
    const before = [await treeOf(root), await treeOf(card, /install\.log$/)];
    const { code, said } = await install();
    expect({ code, said }).toMatchObject({ code: 0, said: expect.stringContaining('was installed already') });
    expect([await treeOf(root), await treeOf(card, /install\.log$/)]).toEqual(before);
  });

  test('installs what a new card brings, and keeps what was measured', async () => {
    const { card, root, home, data, install } = await device();
    await install();
    await writeFile(join(data, 'outbox/pack'), 'a reading');
    await rm(join(card, 'fieldline'), { recursive: true });
    const other = await smallRelease({ version: '1.1.0' });
    await layFiles(
      card,
      installFiles({ ...other, edgeYaml: 'edge: {}\n', identity: { kind: 'certificate', cert: 'c', key: 'k' } }),
    );
    expect((await install()).code).toBe(0);
    expect(await readlink(join(home, 'current'))).toBe('releases/1.1.0');
    expect(await exists(join(home, 'releases/1.0.0/agent.mjs'))).toBe(true);
    expect(await read(join(data, 'outbox/pack'))).toBe('a reading');
    expect(await read(join(root, 'etc/fieldline/edge.yaml'))).toBe('edge: {}\n');
    expect(await read(join(root, 'etc/fieldline/edge.yaml.before'))).toBe(release.edgeYaml);
    expect(Object.keys(await treeOf(join(data, 'identity')))).toEqual(['device-key.pem', 'device.pem']);
  });

  test('replaces another release of the same version', async () => {
    const { card, home, install } = await device();
    await install();
    await rm(join(card, 'fieldline'), { recursive: true });
    await layFiles(card, installFiles(await smallRelease({ agent: 'two\n' })));
    expect((await install()).code).toBe(0);
    expect(await read(join(home, 'current/agent.mjs'))).toBe('two\n');
  });

  test('does not put a spent token back', async () => {
    const { card, data, install } = await device();
    await install();
    await rm(join(data, 'identity/enrol-token'));
    await writeFile(join(data, 'identity/device.pem'), 'of the gateway');
    await layFiles(
      card,
      installFiles(release).filter(({ path }) => path.includes('/secrets/')),
    );
    expect((await install()).code).toBe(0);
    expect(Object.keys(await treeOf(join(data, 'identity')))).toEqual(['device.pem']);
    expect(await exists(join(card, 'fieldline/secrets'))).toBe(false);
  });

  test('is not led elsewhere by links that the agent may have made', async () => {
    const { card, root, data, install } = await device();
    await install();
    const elsewhere = join(root, 'elsewhere');
    await mkdir(elsewhere, { mode: 0o755 });
    await writeFile(join(elsewhere, 'shadow'), 'root');
    await rm(join(data, 'outbox'), { recursive: true });
    await symlink(elsewhere, join(data, 'outbox'));
    await symlink(join(elsewhere, 'shadow'), join(data, 'identity/token'));
    await layFiles(card, installFiles({ ...release, identity: { kind: 'token', token: 'another' } }));
    expect((await install()).code).toBe(0);
    expect(await treeOf(elsewhere)).toEqual({ shadow: `644 ${Buffer.from('root').toString('base64')}` });
    expect(await modeOf(elsewhere)).toBe('755');
    expect(await treeOf(data)).toMatchObject({
      outbox: '750 folder',
      'identity/token': expect.stringMatching(/^600 /),
    });
  });

  // Every point of them: kill-install.long.test.ts.
  test.each(['before', 'after'] as const)('comes to the same end after kill -9 %s some of its steps', async (when) => {
    expect(await killEverywhere(release, when, 11)).toBeGreaterThan(2);
  });

  test('refuses files that are not those that were written, and comes back at the next boot', async () => {
    const { card, root, home, log, install } = await device();
    const [part] = [...release.parts.keys()];
    const path = join(card, 'fieldline/parts', part!);
    const bytes = await readFile(path);
    bytes[20]! ^= 1;
    await copyFile(path, `${path}.good`);
    await writeFile(path, bytes);
    const { code } = await install();
    expect(code).toBe(1);
    expect(await log()).toMatch(
      /not installed: the files on the card are not those that were written\. Write the card anew/,
    );
    expect(await exists(join(home, 'current'))).toBe(false);
    expect(await exists(join(card, 'fieldline/secrets/enrol-token'))).toBe(true);
    expect(await readlink(join(root, 'etc/systemd/system/multi-user.target.wants/fieldline-install.service'))).toBe(
      `/${retry}`,
    );
    await copyFile(`${path}.good`, path);
    await rm(`${path}.good`);
    expect((await install()).code).toBe(0);
    expect(await exists(join(root, retry))).toBe(false);
  });

  test.each([
    ['a changed secret', 'secrets/enrol-token', /the identity on the card is not the one/],
    ['a changed sum', 'SHA256SUMS', /the files on the card are not those/],
  ])('refuses %s', async (_, name, message) => {
    const { card, install, home } = await device();
    const path = join(card, 'fieldline', name);
    await writeFile(path, (await read(path)).replace(/[a-e]/, 'f'));
    expect(await install()).toMatchObject({ code: 1, said: expect.stringMatching(message) });
    expect(await exists(join(home, 'current'))).toBe(false);
  });

  test.each([
    ['an ARMv6 board', { uname: 'echo armv6l', dpkg: 'echo armhf' }, /ARMv6 processor.* Take a Pi Zero 2 W/],
    [
      'another architecture',
      { dpkg: 'echo riscv64', uname: 'echo riscv64' },
      /release is for \S+, and this system is riscv64\. /,
    ],
    [
      'a 32-bit system on a 64-bit kernel',
      { dpkg: 'echo armhf', uname: 'echo aarch64' },
      /this system is armv7l\. Make the card with --arch armv7l/,
    ],
    ['a full card', { df: 'printf "a\\nb 1 1 1000 1 /\\n"' }, /1000 are free|and 1000 kB are free\. Make room/],
  ])('refuses %s with a sentence', async (_, programs, message) => {
    const { install, home } = await device();
    expect(await install([], programs)).toMatchObject({ code: 1, said: expect.stringMatching(message) });
    expect(await exists(join(home, 'current'))).toBe(false);
  });

  test('takes a 32-bit system on a 64-bit kernel for what it is', async () => {
    const { install, home } = await device(await smallRelease({ arch: 'armv7l' }));
    expect((await install([], { dpkg: 'echo armhf', uname: 'echo aarch64' })).code).toBe(0);
    expect(await exists(join(home, 'current/agent.mjs'))).toBe(true);
  });

  test('runs on the Node of the system where the release brings none, if that is new enough', async () => {
    const old = await device(await smallRelease({ runtime: false, nodeVersion: '99.0.0' }));
    expect(await old.install()).toMatchObject({
      code: 1,
      said: expect.stringMatching(/Node\.js is \S+, and the release needs 99\.0\.0/),
    });
    const good = await device(await smallRelease({ runtime: false, nodeVersion: '18.0.0' }));
    expect((await good.install()).code).toBe(0);
    const { said } = await runShell(['-c', `${good.home}/current/node --version`], {});
    expect(said).toMatch(/^v\d+\./);
  });

  test('refuses a runtime that does not start here', async () => {
    const { install, home } = await device();
    const { code, said } = await install([], {
      chmod: '/bin/chmod "$@"; for f; do :; done; if [ -d "$f/bin" ]; then echo "exit 1" >"$f/bin/node"; fi',
    });
    expect({ code, said }).toMatchObject({
      code: 1,
      said: expect.stringContaining('Node.js does not start on this system'),
    });
    expect(await exists(join(home, 'current'))).toBe(false);
  });

  test.each([
    ['systemd 252 (252.38-1~deb12u1)', false],
    ['systemd 257 (257.8-1)', true],
  ])('has %s wait longer and longer: %s', async (says, waits) => {
    const { root, install } = await device();
    await install([], { systemctl: `echo '${says}'` });
    expect(await exists(join(root, 'etc/systemd/system/fieldline-edge.service.d/waits.conf'))).toBe(waits);
  });

  test('--later leaves only the unit that installs', async () => {
    const { card, root, home, install } = await device();
    expect((await install(['--later'])).code).toBe(0);
    expect(await exists(join(root, retry))).toBe(true);
    expect(await exists(join(home, 'current'))).toBe(false);
    expect(await exists(join(card, 'fieldline/secrets/enrol-token'))).toBe(true);
  });

  test('--once leaves neither log nor unit, and wipes all the same', async () => {
    const { card, root, install } = await device();
    expect((await install(['--once'])).code).toBe(0);
    expect(await exists(join(root, retry))).toBe(false);
    for (const name of ['install.log', 'installed.txt', 'secrets']) {
      expect(await exists(join(card, 'fieldline', name))).toBe(false);
    }
  });

  test('uninstall.sh takes the program, and the data only when told', async () => {
    const { card, root, home, data, install } = await device();
    await install();
    const uninstall = (...words: string[]) =>
      runShell([join(card, 'fieldline/uninstall.sh'), ...words], { FIELDLINE_ROOT: root });
    expect((await uninstall()).code).toBe(0);
    expect(await exists(home)).toBe(false);
    expect(Object.keys(await treeOf(join(root, 'etc/systemd')))).toEqual(['system', 'system/multi-user.target.wants']);
    expect(await exists(join(data, 'identity/enrol-token'))).toBe(true);
    expect((await uninstall('--purge')).code).toBe(0);
    expect(await exists(data)).toBe(false);
  });
});
