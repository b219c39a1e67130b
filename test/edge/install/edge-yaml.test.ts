import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { edgeYaml, type EdgeYamlOptions } from '../../../edge/install/edge-yaml.js';

const options: EdgeYamlOptions = {
  ...{ site: 'plant1', device: 'pi-07', gateway: 'mqtts://gw.example:8883' },
  ...{ ca: true, identity: 'token', upgrade: true },
};
const edge = (change: Partial<EdgeYamlOptions> = {}) =>
  (parse(edgeYaml({ ...options, ...change })) as { edge: unknown }).edge;
const sensors = (text: string) => ({ sensors: { text, file: 'sensors.yaml' } });

describe('edgeYaml', () => {
  test('names the places on the device', () => {
    expect(edge()).toEqual({
      site: 'plant1',
      device: 'pi-07',
      gateway: {
        url: 'mqtts://gw.example:8883',
        caFile: '/etc/fieldline/ca.pem',
        passwordFile: '/var/lib/fieldline/identity/token',
      },
      outbox: { directory: '/var/lib/fieldline/outbox' },
      upgrade: { directory: '/var/lib/fieldline/upgrade', publicKeyFile: '/etc/fieldline/release-key.pem' },
    });
  });

  test.each([
    [
      'certificate',
      { certFile: '/var/lib/fieldline/identity/device.pem', keyFile: '/var/lib/fieldline/identity/device-key.pem' },
    ],
    [
      'enrolment',
      {
        certFile: '/var/lib/fieldline/identity/device.pem',
        keyFile: '/var/lib/fieldline/identity/device-key.pem',
        enrolTokenFile: '/var/lib/fieldline/identity/enrol-token',
      },
    ],
    [undefined, {}],
  ] as const)('names what a %s needs', (identity, fields) => {
    expect(edge({ identity, ca: false, upgrade: false })).toMatchObject({
      gateway: { url: options.gateway, ...fields },
    });
  });

  test('takes a list of sensors, or a mapping with more', () => {
    expect(edge(sensors('- driver: host\n  intervalMs: 1s\n'))).toMatchObject({
      sensors: [{ driver: 'host', intervalMs: '1s' }],
    });
    expect(edge(sensors('sensors: [{driver: host}]\npack: {delayMs: 1s}'))).toMatchObject({
      sensors: [{ driver: 'host' }],
      pack: { delayMs: '1s' },
    });
  });

  test.each([
    ['site', { site: 'a b' }],
    ['device', { device: '' }],
    ['edge.gateway.url', { gateway: 'http://host' }],
  ])('names %s if it is wrong', (field, change) => {
    expect(() => edgeYaml({ ...options, ...change })).toThrow(field);
  });

  test.each([
    ['an unknown driver', '- driver: nonsense\n', /sensors\.yaml.*sensors\.0/],
    ['an unknown key', 'sensor: []\n', /sensors\.yaml:1: sensor: unknown key/],
    ['a fault of the language', 'sensors: [', /sensors\.yaml/],
    ['a word', 'hello', /must be a list of sensors/],
    ['what the flash says itself', 'site: elsewhere\n', /site: unknown key/],
  ])('refuses %s where it stands', (_, text, message) => {
    expect(() => edgeYaml({ ...options, ...sensors(text) })).toThrow(message);
  });
});
