import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { FirstBootFormat, SystemSetup } from '../../../../edge/image/first-boot/first-boot.js';
import { firstBootOf } from '../../../../edge/image/first-boot/registry.js';
import { installFiles } from '../../../../edge/install/install-files.js';
import { ensureServer, haveServers } from '../../../servers/ensure.js';
import { runCommand } from '../../../servers/run-command.js';
import { bookworm, BootFolder, bullseye, trixie } from '../../../support/boot-folder.js';
import { exists, layFiles, layPrograms, runShell } from '../../../support/card.js';
import { smallRelease } from '../../../support/installable-release.js';
import { setups } from '../../../support/system-setups.js';
import { tempDir } from '../../../support/temp-dir.js';

const withinMs = 60_000;
const names = Object.keys(setups) as (keyof typeof setups)[];

/** The boot partition after the format has written it, as a folder. */
async function written(name: FirstBootFormat['name'], image: Record<string, string>, setup: SystemSetup) {
  const folder = await tempDir();
  const boot = new BootFolder(image);
  for (const file of firstBootOf(boot, name).files(setup, boot)) boot.write(file);
  await layFiles(
    folder,
    [...boot.files].map(([path, bytes]) => ({ path, bytes })),
  );
  return folder;
}

describe.skipIf(!(await haveServers('cloud-init')))('cloud-init itself', () => {
  const cloudInit = async (...words: string[]) => {
    const { path, env } = await ensureServer('cloud-init');
    return runCommand('python3', [path, ...words], { env, withinMs });
  };

  test.each(['full', 'wire'] as const)('takes the user-data of %s', async (name) => {
    const folder = await written('cloud-init', trixie, setups[name]);
    const said = await cloudInit('schema', '--config-file', join(folder, 'user-data'));
    expect(said).toContain('Valid cloud-config');
    expect(said.toLowerCase()).not.toContain('deprecat');
  });

  test('would refuse a wrong one', async () => {
    const file = join(await tempDir(), 'user-data');
    await writeFile(file, '#cloud-config\nusers: 7\n');
    await expect(cloudInit('schema', '--config-file', file)).rejects.toThrow(/not of type/);
  });

  test.each(['full', 'wire'] as const)('makes the network of %s out of network-config', async (name) => {
    const { wifi, network } = setups[name];
    const folder = await written('cloud-init', trixie, setups[name]);
    const out = await tempDir();
    const convert = ['--network-data', join(folder, 'network-config'), '--kind', 'yaml', '--directory', out];
    await cloudInit('devel', 'net-convert', ...convert, '--distro', 'debian', '--output-kind', 'netplan');
    const { path, env } = await ensureServer('cloud-init');
    // With the YAML that cloud-init reads with.
    const load = `import sys, json, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1], encoding="utf8"))))`;
    const json = await runCommand('python3', ['-c', load, join(out, 'etc/netplan/50-cloud-init.yaml')], {
      env,
      withinMs,
    });
    expect(path).toContain('cloud-init');
    const made = (JSON.parse(json) as { network: Record<'ethernets' | 'wifis', Record<string, unknown>> }).network;
    const device = wifi === undefined ? made.ethernets['eth0'] : made.wifis['wlan0'];
    expect(device).toMatchObject(
      network === undefined
        ? { dhcp4: true }
        : { addresses: [network.address], nameservers: { addresses: network.dns }, routes: [{ via: network.gateway }] },
    );
    if (wifi !== undefined) expect(device).toMatchObject({ 'access-points': { [wifi.ssid]: { password: wifi.psk } } });
  });
});

describe.skipIf(!(await haveServers('shellcheck')))('shellcheck', () => {
  test.each([
    ...names.map((name) => ['firstrun.sh', name, 'firstrun'] as const),
    ...(['full', 'wire'] as const).map((name) => ['fieldline-network.sh', name, 'rpi-preseed'] as const),
  ])('has nothing to say of the %s of %s', async (file, name, format) => {
    const { path, env } = await ensureServer('shellcheck');
    const folder = await written(format, bookworm, setups[name]);
    // A hash of crypt(3) has dollars that are to stay.
    await runCommand(path, ['-s', 'sh', '-e', 'SC2016', join(folder, file)], { env, withinMs });
  });
});

/** What firstrun.sh calls beside coreutils, written down in place of being done. */
const programs = {
  getent: 'case $1-$2 in passwd-*) echo "pi:x:1000:1000::/home/pi:/bin/bash" ;; group-spi) exit 2 ;; esac',
  id: 'if [ "$1" = -g ]; then echo 1000; fi',
  usermod: 'echo "usermod $*" >>"$FIELDLINE_ROOT/did"',
  chpasswd: 'echo "chpasswd $* $(cat)" >>"$FIELDLINE_ROOT/did"',
  systemctl: 'echo "systemctl $*" >>"$FIELDLINE_ROOT/did"',
  install: 'for last; do :; done; mkdir -p "$last"',
  chown: ':',
  sync: ':',
};

/** Runs firstrun.sh of a setup in a folder that stands for the system. */
async function firstBooted(image: Record<string, string>, setup: SystemSetup, folders: readonly string[]) {
  const boot = await written('firstrun', image, setup);
  await layFiles(boot, installFiles(await smallRelease()));
  const root = await tempDir();
  for (const folder of ['usr/share/zoneinfo/America/Argentina', 'var/lib/systemd/rfkill', ...folders]) {
    await mkdir(join(root, 'etc'), { recursive: true });
    await mkdir(join(root, folder), { recursive: true });
  }
  await writeFile(join(root, 'usr/share/zoneinfo/America/Argentina/Buenos_Aires'), '');
  await writeFile(join(root, 'var/lib/systemd/rfkill/platform-1:wlan'), '1\n');
  await writeFile(join(root, 'etc/hosts'), '127.0.0.1 localhost\n127.0.1.1\traspberrypi\n');
  await writeFile(join(root, 'etc/dhcpcd.conf'), 'hostname\n');
  const PATH = await layPrograms(join(root, 'stand-ins'), programs);
  // The first boot of Bookworm gives the card another name on the way.
  const cmdline = (await readFile(join(boot, 'cmdline.txt'), 'utf8')).replace('12345678-02', 'deadbeef-02');
  await writeFile(join(boot, 'cmdline.txt'), cmdline.replace(/ init=\S+/, ''));
  const ended = await runShell([join(boot, 'firstrun.sh')], { FIELDLINE_ROOT: root, PATH });
  return { boot, root, ended, read: (path: string) => readFile(join(root, path), 'utf8') };
}

describe.skipIf(process.platform !== 'linux')('firstrun.sh', () => {
  test('sets a system with NetworkManager up, installs, and takes itself away', async () => {
    const { boot, root, ended, read } = await firstBooted(bookworm, setups.full, [
      ...['etc/NetworkManager', 'home/pi', 'var/lib/NetworkManager'],
    ]);
    expect(ended).toMatchObject({ code: 0, said: expect.not.stringContaining('failed') });
    expect(await read('etc/hostname')).toBe('pi-07\n');
    expect(await read('etc/hosts')).toBe('127.0.0.1 localhost\n127.0.1.1 pi-07\n');
    expect(await read('etc/timezone')).toBe('America/Argentina/Buenos_Aires\n');
    expect(await read('home/pi/.ssh/authorized_keys')).toBe(`${setups.full.sshKeys.join('\n')}\n`);
    const did = await read('did');
    expect(did).toContain(`chpasswd -e pi:${setups.full.user!.passwordHash}\n`);
    expect(did).toContain('usermod -aG gpio pi\n');
    expect(did).not.toContain('usermod -aG spi');
    expect(did).toContain('systemctl enable ssh\n');
    const connection = 'etc/NetworkManager/system-connections/fieldline-wifi.nmconnection';
    expect((await stat(join(root, connection))).mode & 0o777).toBe(0o600);
    const ssid = /^ssid=([0-9;]+)$/m
      .exec(await read(connection))![1]!
      .split(';')
      .filter(Boolean)
      .map(Number);
    expect(Buffer.from(ssid).toString()).toBe(setups.full.wifi!.ssid);
    expect(await exists(join(root, 'etc/wpa_supplicant'))).toBe(false);
    expect(await read('var/lib/systemd/rfkill/platform-1:wlan')).toBe('0\n');

    expect(await exists(join(root, 'opt/fieldline/current/agent.mjs'))).toBe(true);
    expect(await exists(join(boot, 'firstrun.sh'))).toBe(false);
    expect(await readFile(join(boot, 'cmdline.txt'), 'utf8')).toBe(
      'console=tty1 root=PARTUUID=deadbeef-02 rootfstype=ext4 fsck.repair=yes rootwait quiet cfg80211.ieee80211_regdom=DE\n',
    );
  });

  test('sets an older system up', async () => {
    const { ended, read, root } = await firstBooted(bullseye, setups.full, ['etc/wpa_supplicant', 'home/pi']);
    expect(ended).toMatchObject({ code: 0, said: expect.not.stringContaining('failed') });
    const supplicant = await read('etc/wpa_supplicant/wpa_supplicant.conf');
    expect(supplicant).toContain(`\tssid=${Buffer.from(setups.full.wifi!.ssid).toString('hex')}\n`);
    expect((await stat(join(root, 'etc/wpa_supplicant/wpa_supplicant.conf'))).mode & 0o777).toBe(0o600);
    expect(await read('etc/dhcpcd.conf')).toBe(
      'hostname\n# fieldline\ninterface wlan0\nstatic ip_address=192.168.1.7/24\nstatic routers=192.168.1.1\nstatic domain_name_servers=192.168.1.1 9.9.9.9\n',
    );
  });

  test('lets the system start though steps fail, and says which', async () => {
    const { boot, ended } = await firstBooted(bookworm, { ...setups.full, timezone: 'Mars/Olympus' }, [
      'etc/NetworkManager',
    ]);
    expect(ended).toMatchObject({ code: 0, said: expect.stringContaining('set_timezone failed') });
    expect(await readFile(join(boot, 'fieldline/install.log'), 'utf8')).toContain('firstrun: set_timezone failed\n');
    expect(await readFile(join(boot, 'cmdline.txt'), 'utf8')).not.toContain('systemd.run');
  });
});
