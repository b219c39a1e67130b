import type { BootFile } from '../boot-partition.js';
import { checkSetup } from './checked-setup.js';
import { cmdlineFiles } from './cmdline.js';
import { configFiles } from './config-txt.js';
import type { FirstBootFormat, SystemSetup } from './first-boot.js';
import { connectionFiles, layConnection, radioLines } from './network-manager.js';
import { tomlText, tomlTexts } from './quote.js';

/** Where the commands find the boot partition; the tool itself looks nowhere else. */
const mountPoint = '/boot/firmware';

/**
 * The newest images of Raspberry Pi OS: one TOML file, read by the package rpi-preseed. Nothing on the partition tells that
 * the package is in the image, unless the image brings a file to fill in.
 */
export const rpiPreseed: FirstBootFormat = {
  name: 'rpi-preseed',
  detect: (boot) => boot.read('rpi-preseed.toml') !== undefined,
  files(setup, boot) {
    checkSetup(setup);
    return [...cmdlineFiles(setup, boot, []), ...configFiles(setup, boot), preseed(setup), ...networkScript(setup)];
  },
};

function preseed(setup: SystemSetup): BootFile {
  const { hostname, user, sshKeys, timezone, wifi } = setup;
  const ssh = user !== undefined || sshKeys.length > 0;
  const lines = [
    "config_version = '1.0'",
    ...section('system', [`hostname = ${tomlText(hostname)}`]),
    ...section('user', user === undefined ? [] : userLines(user)),
    ...section('ssh', ssh ? sshLines(setup) : []),
    ...section('wlan', wifi === undefined || setup.network !== undefined ? [] : wifiLines(wifi)),
    ...section('locale', timezone === undefined ? [] : [`timezone = ${tomlText(timezone)}`]),
    ...section('runcmd', [
      // Late commands wait for a network and its time; the agent must not.
      `early = ${tomlTexts(earlyCommands(setup))}`,
      'early_cmd_timeout = 20',
    ]),
  ];
  return { path: 'rpi-preseed.toml', bytes: Buffer.from(`${lines.join('\n')}\n`) };
}

function section(name: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', `[${name}]`, ...lines];
}

function userLines({ name, passwordHash }: NonNullable<SystemSetup['user']>): string[] {
  return [
    `name = ${tomlText(name)}`,
    ...(passwordHash === undefined
      ? ['passwordless_sudo = true']
      : [`password = ${tomlText(passwordHash)}`, 'password_encrypted = true']),
  ];
}

function sshLines({ user, sshKeys }: SystemSetup): string[] {
  return [
    'enabled = true',
    `password_authentication = ${user?.passwordHash !== undefined}`,
    ...(sshKeys.length === 0 ? [] : [`authorized_keys = ${tomlTexts(sshKeys)}`]),
  ];
}

function wifiLines({ ssid, psk, country, hidden }: NonNullable<SystemSetup['wifi']>): string[] {
  return [
    `ssid = ${tomlText(ssid)}`,
    // Known to newer ones, and goes before `ssid` there: its bytes need no escape.
    `ssid_hex = ${tomlText(Buffer.from(ssid).toString('hex'))}`,
    `password = ${tomlText(psk)}`,
    'password_encrypted = true',
    `hidden = ${hidden}`,
    `country = ${tomlText(country)}`,
    "key_mgmt = 'wpa-psk'",
  ];
}

function earlyCommands({ network }: SystemSetup): string[] {
  return [
    ...(network === undefined ? [] : [`sh ${mountPoint}/fieldline-network.sh`]),
    // It has seconds and holds up the logins: the unit that installs is begun, and not waited for.
    `sh ${mountPoint}/fieldline/install.sh --later`,
  ];
}

/** A static address, which the format's first version does not know: a connection of NetworkManager, laid down by a command. */
function networkScript(setup: SystemSetup): BootFile[] {
  if (setup.network === undefined) return [];
  const lines = [
    '#!/bin/sh',
    '# Written by fieldline flash: a static address.',
    'set -eu',
    ...connectionFiles(setup).flatMap(layConnection),
    ...(setup.wifi === undefined ? [] : radioLines),
    'rm -f "$0"',
  ];
  return [{ path: 'fieldline-network.sh', bytes: Buffer.from(`${lines.join('\n')}\n`) }];
}
