import { isIP } from 'node:net';
import type { SystemSetup } from './first-boot.js';

/** A connection of NetworkManager: the text of its file, and the name of that file. */
export interface ConnectionFile {
  readonly name: string;
  readonly text: string;
}

/** What NetworkManager needs for the Wi-Fi and for a static address; none where DHCP on the wire is all. */
export function connectionFiles({ wifi, network }: Pick<SystemSetup, 'wifi' | 'network'>): ConnectionFile[] {
  if (wifi === undefined)
    return network === undefined ? [] : [{ name: 'fieldline-wire', text: wireConnection(network) }];
  // As bytes: NetworkManager reads escapes and semicolons in a text.
  const ssid = [...Buffer.from(wifi.ssid)].map((byte) => `${byte};`).join('');
  const text = [
    ...['[connection]', 'id=fieldline-wifi', 'type=wifi', ''],
    ...['[wifi]', 'mode=infrastructure', `ssid=${ssid}`, `hidden=${wifi.hidden}`, ''],
    ...['[wifi-security]', 'key-mgmt=wpa-psk', `psk=${wifi.psk}`, ''],
    ...addressLines(network),
  ];
  return [{ name: 'fieldline-wifi', text: text.join('\n') }];
}

function wireConnection(network: NonNullable<SystemSetup['network']>): string {
  return ['[connection]', 'id=fieldline-wire', 'type=ethernet', '', ...addressLines(network)].join('\n');
}

function addressLines(network: SystemSetup['network']): string[] {
  return [...family(4, network), '', ...family(6, network), ''];
}

function family(version: 4 | 6, network: SystemSetup['network']): string[] {
  if (network === undefined || isIP(network.gateway) !== version) return [`[ipv${version}]`, 'method=auto'];
  const dns = network.dns.filter((server) => isIP(server) === version).map((server) => `${server};`);
  return [
    `[ipv${version}]`,
    'method=manual',
    `address1=${network.address},${network.gateway}`,
    ...(dns.length === 0 ? [] : [`dns=${dns.join('')}`]),
  ];
}

/** Lines of a shell script that lay a connection down; $FIELDLINE_ROOT may stand before all paths. */
export function layConnection({ name, text }: ConnectionFile): string[] {
  const path = `"\${FIELDLINE_ROOT:-}/etc/NetworkManager/system-connections/${name}.nmconnection"`;
  return [`(umask 077 && cat >${path}) <<'END'`, ...text.replace(/\n$/, '').split('\n'), 'END'];
}

/** Lines of a shell script: an image is born with its radio off, until it is told a country. */
export const radioLines = [
  'for state in "${FIELDLINE_ROOT:-}"/var/lib/systemd/rfkill/*:wlan; do',
  '  if [ -e "$state" ]; then echo 0 >"$state"; fi',
  'done',
  'state=${FIELDLINE_ROOT:-}/var/lib/NetworkManager/NetworkManager.state',
  'if [ -e "$state" ]; then sed -i "s/^WirelessEnabled=false/WirelessEnabled=true/" "$state"; fi',
];
