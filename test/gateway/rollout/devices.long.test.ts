import { generateKeyPairSync } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { ReleaseOnDisk } from '../../../edge/bundle/release.js';
import type { RolloutView } from '../../../gateway/rollout/rollout-view.js';
import { expectAllPacks, UpgradedDevice } from '../../edge/upgrade/upgrade-line.js';
import { waitFor } from '../../servers/wait-for.js';
import { deviceRoot } from '../../support/device-root.js';
import { tempDir } from '../../support/temp-dir.js';
import { testReleases } from '../../support/test-releases.js';
import { startGateway } from '../harness.js';
import { operatorOf } from '../operator.js';

const { publicKey, privateKey } = generateKeyPairSync('ed25519');
const long = 120_000;

it('real agents take a release stage by stage, and one that crashes stops at the first of them', async () => {
  const folder = await tempDir();
  const releases = await testReleases(folder, privateKey);
  const gateway = await startGateway({ releases: { directory: folder, port: 0 } });
  const sources = [`http://127.0.0.1:${gateway.gateway.releasesPort()}/releases`];
  const ask = await operatorOf(gateway.gateway);
  const devices: UpgradedDevice[] = [];
  for (const device of ['pi-0', 'pi-1']) {
    const root = await deviceRoot(releases.first, publicKey);
    devices.push(new UpgradedDevice({ site: 'plant1', device }, root, gateway, {}));
  }
  const bring = async (of: ReleaseOnDisk) => {
    const { version } = of.manifest;
    await writeFile(join(folder, `${version}-x64.json`), JSON.stringify(of.release));
    const stages = [{ name: 'canary', select: 'plant1/pi-0' }, { select: '100%' }];
    const { status, answer } = await ask('POST', '/rollouts', {
      version,
      stages,
      sources,
      completeness: false,
      trialMs: 60_000,
    });
    expect([status, answer['error']]).toEqual([201, undefined]);
    const { id } = answer as unknown as RolloutView;
    const view = async () => (await ask('GET', `/rollouts/${id}`)).answer as unknown as RolloutView;
    await waitFor('its end', long, async () => ['done', 'failed'].includes((await view()).status));
    return view();
  };
  // What a device runs on is told before anybody wished anything of it.
  await waitFor('both devices', long, async () => {
    const { devices: listed } = (await ask('GET', '/fleet')).answer as {
      devices?: { arch: string | null; version: string }[];
    };
    return listed?.filter(({ arch, version }) => arch === 'x64' && version === '1.0.0').length === 2;
  });
  expect((await bring(releases.again('1.1.0'))).status).toBe('done');
  expect(devices.map(({ root }) => root.current())).toEqual(['1.1.0', '1.1.0']);

  const bad = await bring(await releases.withAgent('2.0.0', `throw new Error('this release is broken');`));
  expect([bad.status, bad.stage, bad.stages[1]!.status]).toEqual(['failed', 0, 'waiting']);
  expect(devices.map(({ root }) => root.current())).toEqual(['1.1.0', '1.1.0']);
  expect((await devices[1]!.reports()).filter(({ version }) => version === '2.0.0')).toEqual([]);
  for (const device of devices) {
    await device.supervisor.stop();
    await expectAllPacks(device, { each: 'once' });
  }
});
