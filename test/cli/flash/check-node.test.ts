import { Writable } from 'node:stream';
import { expect, it } from 'vitest';
import { checkNode } from '../../../cli/flash/check-node.js';
import type { FlashRun } from '../../../cli/flash/flash.js';
import { StepReport } from '../../../cli/flash/report.js';
import type { DeviceNode } from '../../../edge/image/flash/device-node.js';

const card: DeviceNode = {
  ...{ path: '/dev/sdb', name: 'sdb', model: 'Generic SD', sizeBytes: 32e9, bus: 'usb', removable: true },
  ...{ readOnly: false, partitionOf: undefined, inUse: [], holdsRoot: false },
};

async function check(over: Partial<DeviceNode>, options: { yes?: boolean; dryRun?: boolean }, ask?: FlashRun['ask']) {
  let said = '';
  const stream = new Writable({ write: (chunk: Buffer, _, done) => ((said += chunk.toString()), done()) });
  const run = {
    target: { kind: 'node', image: 'x.img', path: '/dev/sdb' },
    options,
    ask,
    report: new StepReport(stream, () => 0),
  } as unknown as FlashRun;
  return checkNode(run, () => Promise.resolve({ ...card, ...over })).then(
    ({ name }) => ({ name, said }),
    (error: Error) => ({ refused: error.message, said }),
  );
}

it('asks for the name of the card, and writes to no other', async () => {
  const asked: string[] = [];
  const answer = (text: string) => (question: string) => (asked.push(question), Promise.resolve(text));
  expect(await check({}, {}, answer('sdb '))).toMatchObject({
    name: 'sdb',
    said: expect.stringContaining('Generic SD, 32.0 GB'),
  });
  expect(asked).toEqual(['Type sdb to write to it: ']);
  expect(await check({}, {}, answer('yes'))).toMatchObject({ refused: '--device-node: /dev/sdb was not written to' });
});

it('asks nothing with --yes, and does not write unasked', async () => {
  expect(await check({}, { yes: true })).toMatchObject({ name: 'sdb' });
  expect(await check({}, { dryRun: true })).toMatchObject({ name: 'sdb' });
  expect(await check({}, {})).toMatchObject({ refused: expect.stringContaining('nobody is there to be asked') });
});

it('refuses a disk in use, --yes or not', async () => {
  const inUse = ['/dev/sdb1 is mounted at /media/card'];
  expect(await check({ inUse, removable: false, bus: 'other' }, { yes: true })).toMatchObject({
    refused:
      '--device-node: /dev/sdb is neither removable nor at USB nor an SD card\n' +
      '--device-node: /dev/sdb is in use: /dev/sdb1 is mounted at /media/card: unmount it first',
  });
});
