import { isIP } from 'node:net';
import type { BootFile } from '../boot-partition.js';
import { checkSetup } from './checked-setup.js';
import { cmdlineFiles } from './cmdline.js';
import { configFiles } from './config-txt.js';
import type { FirstBootFormat, SystemSetup } from './first-boot.js';
import { yamlText } from './quote.js';
import { userGroups } from './user-groups.js';

/** Where the systems that read it mount their boot partition. */
const mountPoint = '/boot/firmware';

/** Trixie, Ubuntu and others: the NoCloud seed lies on the boot partition. */
export const cloudInit: FirstBootFormat = {
  name: 'cloud-init',
  detect: (boot) => boot.read('user-data') !== undefined || boot.read('meta-data') !== undefined,
  files(setup, boot) {
    checkSetup(setup);
    return [
      // The id on the command line goes before that of meta-data, where an older tool left one.
      ...cmdlineFiles(setup, boot, [`ds=nocloud;i=${setup.instanceId}`]),
      ...configFiles(setup, boot),
      file('user-data', userData(setup)),
      file('meta-data', [`instance-id: ${yamlText(setup.instanceId)}`, 'dsmode: local']),
      ...networkFiles(setup),
    ];
  },
};

function file(path: string, lines: readonly string[]): BootFile {
  return { path, bytes: Buffer.from(`${lines.join('\n')}\n`) };
}

function userData(setup: SystemSetup): string[] {
  const { hostname, user, sshKeys, timezone, wifi } = setup;
  const ssh = user !== undefined || sshKeys.length > 0;
  return [
    '#cloud-config',
    `hostname: ${yamlText(hostname)}`,
    'manage_etc_hosts: true',
    ...(timezone === undefined ? [] : [`timezone: ${yamlText(timezone)}`]),
    ...(user === undefined ? keyLines(sshKeys, '') : userLines(user, sshKeys)),
    ...(ssh ? [`ssh_pwauth: ${user?.passwordHash !== undefined}`] : []),
    'runcmd:',
    ...(ssh ? [`  - [sh, -c, ${yamlText('systemctl enable --now ssh || systemctl enable --now sshd || true')}]`] : []),
    ...(wifi === undefined ? [] : [`  - [sh, -c, ${yamlText('rfkill unblock wifi || true')}]`]),
    `  - [sh, ${yamlText(`${mountPoint}/fieldline/install.sh`)}]`,
  ];
}

function userLines(user: NonNullable<SystemSetup['user']>, sshKeys: readonly string[]): string[] {
  const { name, passwordHash } = user;
  return [
    'users:',
    `  - name: ${yamlText(name)}`,
    `    groups: ${yamlText(userGroups.join(','))}`,
    '    shell: /bin/bash',
    `    lock_passwd: ${passwordHash === undefined}`,
    ...(passwordHash === undefined ? [] : [`    hashed_passwd: ${yamlText(passwordHash)}`]),
    // Who has no password cannot be asked for one.
    `    sudo: ${yamlText(passwordHash === undefined ? 'ALL=(ALL) NOPASSWD:ALL' : 'ALL=(ALL) ALL')}`,
    ...keyLines(sshKeys, '    '),
  ];
}

function keyLines(keys: readonly string[], indent: string): string[] {
  return keys.length === 0
    ? []
    : [`${indent}ssh_authorized_keys:`, ...keys.map((key) => `${indent}  - ${yamlText(key)}`)];
}

/** None where nothing is wanted: the image's own stays. */
function networkFiles({ wifi, network }: SystemSetup): BootFile[] {
  if (wifi === undefined && network === undefined) return [];
  const wire = ['  ethernets:', '    eth0:', '      optional: true'];
  if (wifi === undefined) return [networkFile([...wire, ...addressLines(network)])];
  return [
    networkFile([
      ...wire,
      '      dhcp4: true',
      '  wifis:',
      '    wlan0:',
      '      optional: true',
      ...addressLines(network),
      `      regulatory-domain: ${yamlText(wifi.country)}`,
      '      access-points:',
      `        ${yamlText(wifi.ssid)}:`,
      ...(wifi.hidden ? ['          hidden: true'] : []),
      `          password: ${yamlText(wifi.psk)}`,
    ]),
  ];
}

function networkFile(lines: readonly string[]): BootFile {
  return file('network-config', ['network:', '  version: 2', ...lines]);
}

function addressLines(network: SystemSetup['network']): string[] {
  if (network === undefined) return ['      dhcp4: true'];
  const everywhere = isIP(network.gateway) === 4 ? '0.0.0.0/0' : '::/0';
  return [
    '      dhcp4: false',
    `      addresses: [${yamlText(network.address)}]`,
    `      routes: [{to: ${yamlText(everywhere)}, via: ${yamlText(network.gateway)}}]`,
    ...(network.dns.length === 0 ? [] : [`      nameservers: {addresses: [${network.dns.map(yamlText).join(', ')}]}`]),
  ];
}
