import { describe, expect, it } from 'vitest';
import { parseBatch } from '../../../cli/flash/batch.js';
import type { InputContext } from '../../../cli/flash/device-input.js';
import type { RawDevice } from '../../../cli/flash/device-options.js';
import { UsageError } from '../../../cli/fail.js';

const context: InputContext = { hasSecret: () => false, makesIdentity: false, insecure: false };
const common: RawDevice = { site: 'plant1', gateway: 'mqtts://gw.example:8883' };
const parse = (text: string, said: RawDevice = common) => parseBatch(text, 'fleet.csv', said, context);

function faultsOf(text: string, said: RawDevice = common): string[] {
  try {
    parse(text, said);
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as Error).message.split('\n');
  }
  throw new Error('the table has no fault');
}

it('takes any option as a column, and what a line leaves empty from the command line', () => {
  const rows = parse(
    'device,site,hostname,address,router,label:line,label:hall,out,enable\n' +
      '# the presses\n' +
      'pi-07,,,,,3,,seven.img,\n' +
      '\n' +
      'pi-08,plant2,eight,10.0.0.8/24,10.0.0.1,4,B,,"i2c,spi"\n',
    { ...common, label: 'owner=me,line=0' },
  );
  expect(rows).toEqual([
    {
      line: 3,
      out: 'seven.img',
      input: { ...common, device: 'pi-07', label: { owner: 'me', line: '3' } },
    },
    {
      line: 5,
      out: undefined,
      input: {
        site: 'plant2',
        gateway: 'mqtts://gw.example:8883',
        device: 'pi-08',
        hostname: 'eight',
        address: '10.0.0.8/24',
        router: '10.0.0.1',
        label: { owner: 'me', line: '4', hall: 'B' },
        enable: ['i2c', 'spi'],
      },
    },
  ]);
});

it('names every bad line and column at once', () => {
  const faults = faultsOf(
    'device,address,router,hostname,timezone\npi-07,10.0.0.7/24,10.0.1.1,,\n,,,,\nbad name,,,,Mars/Base\npi-10,nowhere,10.0.0.1,a_b,\n',
  );
  expect(faults).toEqual([
    'nothing was written, for the table has faults:',
    'fleet.csv:2: router: 10.0.1.1 is not in the network of 10.0.0.7/24, got "10.0.1.1"',
    'fleet.csv:3: device: is missing',
    expect.stringMatching(/^fleet\.csv:4: device: a name starts with .*, got "bad name"$/),
    'fleet.csv:4: timezone: is no time zone, as Europe/Berlin, got "Mars/Base"',
    'fleet.csv:5: hostname: a host name has at most 63 of A-Z a-z 0-9 and - inside, got "a_b"',
    'fleet.csv:5: address: is no address with its prefix, as 10.0.0.7/24, got "nowhere"',
  ]);
});

it('refuses two lines that would be one device', () => {
  expect(
    faultsOf(
      'device,hostname,address,router,token-file\na,h,10.0.0.7/24,10.0.0.1,t\nb,h,10.0.0.7/24,10.0.0.1,t\na,,,,\n',
    ).slice(1),
  ).toEqual([
    'fleet.csv:4: device: plant1/a is that of line 2 already',
    'fleet.csv:3: hostname: h is that of line 2 already',
    'fleet.csv:3: address: 10.0.0.7 is that of line 2 already',
    'fleet.csv:3: token-file: t is that of line 2 already',
  ]);
  expect(faultsOf('device\na\nb\n', { ...common, 'token-file': 't' })[1]).toBe(
    '--token-file is of one device: make it a column of fleet.csv',
  );
});

describe('a header', () => {
  it.each([
    ['device,colour\na,red\n', 'column "colour" is unknown'],
    [
      'device,wifi-password\na,hunter22\n',
      'put each into a file of its own and name it in a column wifi-password-file',
    ],
    ['device,device\na,b\n', 'column device is there twice'],
    ['site\nplant1\n', 'a column `device` is missing'],
    ['device\n', 'has no devices'],
    ['device,site\na,b,c\n', 'is no table of devices'],
  ])('%j', (table, sentence) => {
    const faults = faultsOf(table).join('\n');
    expect(faults).toContain(sentence);
    expect(faults).not.toContain('hunter22');
  });
});
