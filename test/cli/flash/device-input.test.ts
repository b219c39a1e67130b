import { describe, expect, it } from 'vitest';
import { isFaults, parseDevice, type InputContext } from '../../../cli/flash/device-input.js';
import type { RawDevice } from '../../../cli/flash/device-options.js';

const bare: InputContext = { hasSecret: () => false, makesIdentity: false, insecure: false };
const own: RawDevice = { site: 'plant1', device: 'pi-07', gateway: 'mqtts://gw.example:8883' };

function faults(raw: RawDevice, context: Partial<InputContext> = {}): string[] {
  const result = parseDevice({ ...own, ...raw }, { ...bare, ...context });
  return isFaults(result) ? result.map(({ option, message }) => `${option} ${message}`) : [];
}

it('takes all that can be said of a device', () => {
  const said: RawDevice = {
    ...own,
    hostname: 'press-07',
    ca: 'ca.pem',
    'wifi-ssid': 'Halle 3',
    'wifi-password-file': 'wifi.txt',
    'wifi-country': 'DE',
    'wifi-hidden': 'yes',
    address: 'fd00::7/64',
    router: 'fd00::1',
    dns: '10.0.0.1, 1.1.1.1',
    user: 'pi',
    'password-file': 'pw',
    'ssh-key': 'id.pub',
    timezone: 'Europe/Berlin',
    enable: 'i2c,onewire',
    sensors: 'sensors.yaml',
    label: 'line=3,formula=a=b',
    'enrol-token-file': '-',
  };
  expect(parseDevice(said, bare)).toMatchObject({
    'wifi-hidden': true,
    dns: ['10.0.0.1', '1.1.1.1'],
    enable: ['i2c', 'onewire'],
    label: { line: '3', formula: 'a=b' },
  });
});

describe('what does not go together', () => {
  it.each<[RawDevice, Partial<InputContext>, string[]]>([
    [
      { 'wifi-ssid': 'S' },
      {},
      ['wifi-password-file is missing: --wifi-ssid takes it', 'wifi-country is missing: Wi-Fi stays off without it'],
    ],
    [{ 'wifi-ssid': 'S', 'wifi-country': 'DE' }, { hasSecret: (name) => name === 'wifi-password-file' }, []],
    [{ address: '10.0.0.7/24' }, {}, ['router is missing: --address takes it']],
    [{ dns: '1.1.1.1' }, {}, ['address is missing: --router and --dns go with it']],
    [{ user: 'pi' }, {}, ['ssh-key is missing: nothing opens the login']],
    [{ 'ssh-key': 'k' }, {}, ['user is missing: whose login do the keys open?']],
    [{ cert: 'c' }, {}, ['key is missing: --cert and --key go together']],
    [
      { cert: 'c', key: 'k', 'token-file': 't' },
      {},
      ['gateway one identity is enough; given are --token-file, --cert'],
    ],
    [
      { 'token-file': 't' },
      { makesIdentity: true },
      ['gateway one identity is enough; given are --token-file, --sign-with or --api'],
    ],
    // What the environment holds stands back behind what was said.
    [{ cert: 'c', key: 'k' }, { hasSecret: () => true }, []],
    [
      {},
      { hasSecret: (name) => name.endsWith('token-file') },
      ['gateway one identity is enough; given are the environment’s enrol-token-file, the environment’s token-file'],
    ],
    [
      { gateway: 'mqtt://gw:1883', 'token-file': 't' },
      {},
      ['gateway would send the token in the clear: use mqtts://, or say --insecure for a trial'],
    ],
    [{ gateway: 'mqtt://gw:1883', 'token-file': 't' }, { insecure: true }, []],
    [
      { gateway: 'mqtt://gw:1883', 'enrol-token-file': 't' },
      { insecure: true },
      ['enrol-token-file goes over mqtts:// only'],
    ],
    [{ gateway: 'mqtt://gw:1883', ca: 'c' }, {}, ['ca is of use with mqtts:// only']],
  ])('%j', (raw, context, expected) => expect(faults(raw, context)).toEqual(expected));
});

describe('what is no value', () => {
  it.each<[RawDevice, RegExp]>([
    [{ gateway: 'https://gw' }, /^gateway is no address as mqtts:/],
    [{ gateway: 'mqtts://me:secret@gw' }, /^gateway takes no password or path/],
    [{ site: 'a/b' }, /^site a name starts with/],
    [{ 'wifi-ssid': 'é'.repeat(17) }, /^wifi-ssid has 1 to 32 bytes/],
    [{ 'wifi-country': 'de' }, /^wifi-country is a country/],
    [{ address: '10.0.0.7' }, /^address is no address with its prefix/],
    [{ address: '10.0.0.7/33', router: '10.0.0.1' }, /^address is no address/],
    [{ user: 'root' }, /^user is a login of the system/],
    [{ enable: 'i2c,uart' }, /^enable is one of i2c, spi, serial, onewire/],
    [{ label: 'Line=3' }, /^label a label is named/],
    [{ label: 'line' }, /^label is not name=value/],
    [{ 'wifi-hidden': 'perhaps' }, /^wifi-hidden is yes or no/],
  ])('%j', (raw, sentence) => expect(faults(raw).join('\n')).toMatch(sentence));
});
