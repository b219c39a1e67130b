import { describe, expect, test } from 'vitest';
import { checkSetup } from '../../../../edge/image/first-boot/checked-setup.js';
import type { SystemSetup } from '../../../../edge/image/first-boot/first-boot.js';
import { firstBoots } from '../../../../edge/image/first-boot/registry.js';
import { BootFolder, trixie } from '../../../support/boot-folder.js';
import { fullSetup } from '../../../support/system-setups.js';

const user = (name: string, passwordHash?: string) => ({ user: { name, ...(passwordHash ? { passwordHash } : {}) } });
const wifi = (change: Partial<NonNullable<SystemSetup['wifi']>>) => ({ wifi: { ...fullSetup.wifi!, ...change } });
const network = (change: Partial<NonNullable<SystemSetup['network']>>) => ({
  network: { ...fullSetup.network!, ...change },
});

const bad: [field: RegExp, change: Partial<SystemSetup>][] = [
  [/^hostname /, { hostname: '' }],
  [/^hostname /, { hostname: '-pi' }],
  [/^hostname /, { hostname: 'a b' }],
  [/^hostname /, { hostname: 'pi\n' }],
  [/^hostname /, { hostname: '$(reboot)' }],
  [/^hostname /, { hostname: 'x'.repeat(64) }],
  [/^instanceId /, { instanceId: 'a b' }],
  [/^user /, user('root')],
  [/^user /, user('Pi')],
  [/^user /, user('pi;id')],
  [/^passwordHash /, user('pi', 'hunter2')],
  [/^passwordHash /, user('pi', "$6$a$'; rm -rf /'xxxxxxxxxx")],
  [/^sshKeys /, { sshKeys: ['hello'] }],
  [/^an SSH key /, { sshKeys: [`${fullSetup.sshKeys[1]}\nEND\nreboot`] }],
  [/^ssid /, wifi({ ssid: '' })],
  [/^ssid /, wifi({ ssid: '€'.repeat(11) })],
  [/^the SSID /, wifi({ ssid: 'a\nb' })],
  [/^the SSID /, wifi({ ssid: 'a\u2028b' })],
  [/^the SSID /, wifi({ ssid: 'a\ud800' })],
  [/^psk /, wifi({ psk: 'secret77' })],
  [/^country /, wifi({ country: 'de' })],
  [/^address /, network({ address: '192.168.1.7' })],
  [/^address /, network({ address: '192.168.1.7/33' })],
  [/^address /, network({ address: '192.168.1.300/24' })],
  [/^gateway /, network({ gateway: '2001:db8::1' })],
  [/^gateway /, network({ gateway: 'router' })],
  [/^dns /, network({ dns: ['9.9.9.9', 'one'] })],
  [/^timezone /, { timezone: '../../etc/passwd' }],
  [/^timezone /, { timezone: 'Europe/Berlin; id' }],
];

describe('checkSetup', () => {
  test('takes what is unkind and possible', () => {
    expect(() => checkSetup(fullSetup)).not.toThrow();
  });

  test.each(bad)('names the field: %s', (field, change) => {
    expect(() => checkSetup({ ...fullSetup, ...change })).toThrow(field);
  });

  test('repeats no secret', () => {
    expect(() => checkSetup({ ...fullSetup, ...user('pi', 'hunter2') })).not.toThrow(/hunter2/);
    expect(() => checkSetup({ ...fullSetup, ...wifi({ psk: 'secret77' }) })).not.toThrow(/secret77/);
  });

  test.each(firstBoots.map((format) => [format.name, format] as const))('is asked by %s', (_, format) => {
    expect(() => format.files({ ...fullSetup, hostname: 'a b' }, new BootFolder(trixie))).toThrow(/^hostname /);
  });
});
