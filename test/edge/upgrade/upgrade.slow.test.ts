import { generateKeyPairSync } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { waitFor } from '../../servers/wait-for.js';
import { desired } from '../../support/test-releases.js';
import { expectAllPacks, startUpgradeLine, type UpgradeLine } from './upgrade-line.js';

const crashing = `throw new Error('this release is broken');`;
const hanging = `setInterval(() => undefined, 1000);`;
/** The real agent, whose connections all fail. */
const mute = `
import { Socket } from 'node:net';
Socket.prototype.connect = function () {
  setImmediate(() => this.destroy(new Error('no way out')));
  return this;
};
await import('./real.mjs');
`;

async function goodRelease({ device, releases, source }: UpgradeLine): Promise<void> {
  const press = await device('press-07');
  await waitFor('data of the first release', 30_000, async () => (await press.packs()).length > 5);
  await press.want(desired(releases.again('1.1.0'), 'r1', source));
  expect(await press.reported('1.1.0', 'confirmed')).toMatchObject({ id: 'r1', running: '1.1.0', arch: 'x64' });
  const before = (await press.packs()).length;
  await waitFor('data of the second release', 30_000, async () => (await press.packs()).length > before + 5);

  // The way back is a wish like any other, if it is a new one.
  await press.want(desired(releases.first, 'r2', source));
  await press.reported('1.0.0', 'confirmed', 'r2');
  await press.want(desired(releases.again('0.9.0'), 'r2', source));
  expect((await press.reported('0.9.0', 'refused')).reason).toContain('announce it anew');

  expect(press.root.current()).toBe('1.0.0');
  await press.supervisor.stop();
  await expectAllPacks(press, { each: 'once' });
}

async function badReleases({ device, releases, source }: UpgradeLine): Promise<void> {
  const oven = await device('oven-02');
  const forged = releases.again('2.0.0', {}, generateKeyPairSync('ed25519').privateKey);
  await oven.want(desired(forged, 'b1', source));
  expect((await oven.reported('2.0.0', 'refused')).reason).toContain('not signed by the pinned key');
  await oven.want(desired(releases.again('2.0.1', { arch: 'armv7l' }), 'b2', source));
  expect((await oven.reported('2.0.1', 'refused')).reason).toContain('it is for armv7l');

  const crash = await releases.withAgent('2.1.0', crashing);
  await oven.want(desired(crash, 'b3', source));
  const rolledBack = await oven.reported('2.1.0', 'rolled-back');
  expect(rolledBack).toMatchObject({ id: 'b3', running: '1.0.0', reason: 'it started 3 times and was not confirmed' });

  await oven.want(desired(await releases.withAgent('2.2.0', hanging), 'b4', source));
  await waitFor(
    'the trial',
    30_000,
    () => oven.root.guardState().startsWith('trial') && oven.root.current() === '2.2.0',
  );
  await oven.supervisor.expire();
  expect((await oven.reported('2.2.0', 'rolled-back')).reason).toContain('neither confirmed nor gave itself up');

  // The wish is retained, and comes again with each connection: what went wrong is not tried again under its id.
  const { starts } = oven.supervisor;
  await oven.want(desired(crash, 'b3', source));
  await waitFor('the same answer', 30_000, async () => (await oven.reports()).at(-1)?.version === '2.1.0');
  expect((await oven.reports()).at(-1)).toMatchObject({ status: 'rolled-back', running: '1.0.0' });
  expect(oven.supervisor.starts).toBe(starts);
  expect(readdirSync(oven.root.path('opt/fieldline/releases'))).toEqual(['1.0.0']);
  expect(existsSync(oven.root.path('var/lib/fieldline/upgrade/parts'))).toBe(false);
  await oven.supervisor.stop();
  await expectAllPacks(oven, { each: 'once' });
}

async function muteRelease({ device, releases, source }: UpgradeLine): Promise<void> {
  const pump = await device('pump-01');
  await waitFor('data', 30_000, async () => (await pump.packs()).length > 2);
  await pump.want(desired(await releases.withAgent('3.0.0', mute), 'm1', source, 10_000));
  const report = await pump.reported('3.0.0', 'rolled-back');
  expect(report).toMatchObject({ running: '1.0.0', reason: 'the gateway acknowledged no data of it within 10 s' });
  // What the release measured while it could not send is in the outbox that both share.
  const before = (await pump.packs()).length;
  await waitFor('data', 30_000, async () => (await pump.packs()).length > before + 20);
  await pump.supervisor.stop();
  await expectAllPacks(pump, { each: 'once' });
}

test('good releases are taken and bad ones given back, and no reading is lost on the way', async () => {
  const line = await startUpgradeLine();
  await Promise.all([goodRelease(line), badReleases(line), muteRelease(line)]);
});
