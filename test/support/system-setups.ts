import type { SystemSetup } from '../../edge/image/first-boot/first-boot.js';

/** Nothing but a name: what an image has stays. */
export const plainSetup: SystemSetup = { hostname: 'pi-07', sshKeys: [], enable: [], instanceId: 'fieldline-1f2e3d4c' };

const psk = 'f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e';
const key =
  'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAabcdefghijklmnopqrstuvwxyz0123456789ABCDEF it\'s "me" $HOME `id` \\n #1';

/** Everything at once, each value as unkind as its kind allows. */
export const fullSetup: SystemSetup = {
  hostname: 'pi-07',
  user: { name: 'pi', passwordHash: '$6$rounds=5000$abc/DEF.$x1y2z3ABCDEFGHIJKLMNOPQRSTUVWXYZ./0123456789' },
  sshKeys: [key, 'ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQC7 second'],
  wifi: { ssid: `it's "5€" $x \`y\` \\z; #🦆`, psk, country: 'DE', hidden: true },
  network: { address: '192.168.1.7/24', gateway: '192.168.1.1', dns: ['192.168.1.1', '9.9.9.9'] },
  timezone: 'America/Argentina/Buenos_Aires',
  enable: ['i2c', 'spi', 'serial', 'onewire'],
  instanceId: 'fieldline-1f2e3d4c',
};

/** The wire with IPv6, and a user who has a key and no password. */
export const wireSetup: SystemSetup = {
  ...plainSetup,
  user: { name: 'operator' },
  sshKeys: [key],
  network: { address: '2001:db8::7/64', gateway: '2001:db8::1', dns: ['2001:db8::53'] },
  timezone: 'UTC',
};

/** The air with DHCP. */
export const wifiSetup: SystemSetup = { ...plainSetup, wifi: { ssid: 'plant', psk, country: 'GB', hidden: false } };

export const setups = { plain: plainSetup, full: fullSetup, wire: wireSetup, wifi: wifiSetup };
