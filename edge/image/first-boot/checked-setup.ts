import { isIP } from 'node:net';
import { FatalError } from '#core/runtime/errors.js';
import type { SystemSetup } from './first-boot.js';
import { refuseUnprintable } from './quote.js';

/**
 * Refuses what some format or some system could not hold, before anything is written.
 * Throws FatalError `bad-config`; the message names the field and never holds a secret.
 */
export function checkSetup(setup: SystemSetup): void {
  const { hostname, user, wifi, network, timezone, sshKeys, instanceId } = setup;
  need(
    /^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/.test(hostname),
    'hostname',
    'letters, digits and hyphens, at most 63',
  );
  need(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(instanceId), 'instanceId', 'letters, digits and . _ -, at most 64');
  if (user !== undefined) checkUser(user);
  for (const key of sshKeys) checkSshKey(key);
  if (wifi !== undefined) checkWifi(wifi);
  if (network !== undefined) checkNetwork(network);
  if (timezone !== undefined) {
    need(
      /^[A-Za-z][A-Za-z0-9_+-]*(\/[A-Za-z0-9_+-]+){0,2}$/.test(timezone),
      'timezone',
      'a name such as Europe/Berlin',
    );
  }
}

function checkUser({ name, passwordHash }: NonNullable<SystemSetup['user']>): void {
  need(/^[a-z][a-z0-9-]{0,30}$/.test(name), 'user', 'small letters, digits and hyphens, at most 31, a letter first');
  need(name !== 'root', 'user', 'another name than root');
  if (passwordHash === undefined) return;
  need(
    /^\$[A-Za-z0-9]+\$[A-Za-z0-9./=,$_-]{8,200}$/.test(passwordHash),
    'passwordHash',
    'of crypt(3), such as `openssl passwd -6` makes',
  );
}

function checkSshKey(key: string): void {
  refuseUnprintable(key, 'an SSH key');
  need(/^(ssh|ecdsa|sk)-[a-z0-9@.-]+ [A-Za-z0-9+/]+={0,3}( .*)?$/.test(key), 'sshKeys', 'lines of a .pub file');
}

function checkWifi({ ssid, psk, country }: NonNullable<SystemSetup['wifi']>): void {
  refuseUnprintable(ssid, 'the SSID');
  const bytes = Buffer.byteLength(ssid);
  need(bytes >= 1 && bytes <= 32, 'ssid', '1 to 32 bytes');
  need(/^[0-9a-f]{64}$/.test(psk), 'psk', '64 hex digits');
  need(/^[A-Z]{2}$/.test(country), 'country', 'two capital letters of ISO 3166, such as DE');
}

function checkNetwork({ address, gateway, dns }: NonNullable<SystemSetup['network']>): void {
  const [ip = '', bits = '', ...rest] = address.split('/');
  const kind = isIP(ip);
  const maxBits = kind === 4 ? 32 : 128;
  need(
    kind !== 0 && rest.length === 0 && /^[0-9]{1,3}$/.test(bits) && Number(bits) >= 1 && Number(bits) <= maxBits,
    'address',
    'an IP address with the bits of its network, such as 192.168.1.7/24',
  );
  need(isIP(gateway) === kind, 'gateway', `an IPv${kind} address, as the address is one`);
  for (const server of dns) need(isIP(server) !== 0, 'dns', 'IP addresses');
}

function need(holds: boolean, field: string, what: string): void {
  if (!holds) throw new FatalError('bad-config', `${field} must be ${what}`);
}
