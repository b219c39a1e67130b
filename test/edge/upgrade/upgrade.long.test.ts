import { expect, test } from 'vitest';
import { pause, waitFor } from '../../servers/wait-for.js';
import { Supervisor } from '../../support/device-root.js';
import { desired } from '../../support/test-releases.js';
import { expectAllPacks, startUpgradeLine } from './upgrade-line.js';

const upgrades = 12;

test('upgrades that are killed at any moment, guard and agent and both, come to their end and lose nothing', async () => {
  const { device, releases, source } = await startUpgradeLine();
  const press = await device('press-07', { maxBytesPerSecond: 300_000 });
  const crash = await releases.withAgent('1.99.0', `throw new Error('broken');`);
  let version = '1.0.0';
  for (let i = 1; i <= upgrades; i += 1) {
    const isBad = i % 4 === 0;
    const next = isBad ? crash : releases.again(`1.${i}.0`);
    await press.want(desired(next, `r${i}`, source));
    // A trial is given up at its fourth start, so no more than these may fall into it.
    for (let kills = 0; kills < 2; kills += 1) {
      await pause(Math.random() * 3000);
      if (Math.random() < 0.3) {
        await press.supervisor.stop('SIGKILL');
        press.supervisor = new Supervisor(press.root);
      } else press.supervisor.kill('SIGKILL');
    }
    await press.reported(next.manifest.version, isBad ? 'rolled-back' : 'confirmed', `r${i}`);
    if (!isBad) version = next.manifest.version;
    await waitFor('the version that stays', 60_000, () => press.root.current() === version);
    const before = (await press.packs()).length;
    await waitFor('data', 60_000, async () => (await press.packs()).length > before + 5);
  }
  await press.supervisor.stop();
  await expectAllPacks(press, { each: 'at least once' });
  expect(press.root.current()).toBe(version);
});

test('a disk without room is waited for, and data goes on', async () => {
  const { device, releases, source } = await startUpgradeLine();
  const press = await device('press-07', { keepFreeBytes: 2 ** 50 });
  await press.want(desired(releases.again('1.1.0'), 'r1', source));
  await waitFor('the reason', 60_000, async () =>
    (await press.reports()).some(({ reason }) => reason?.includes('bytes free')),
  );
  const before = (await press.packs()).length;
  await waitFor('data', 60_000, async () => (await press.packs()).length > before + 20);
  expect(press.root.current()).toBe('1.0.0');
  await press.supervisor.stop();
  await expectAllPacks(press, { each: 'once' });
});
