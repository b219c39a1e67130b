import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { RolloutView } from '../../../gateway/rollout/rollout-view.js';
import { freePort } from '../../servers/free-port.js';
import { waitFor } from '../../servers/wait-for.js';
import { lastJson, runFieldline, startFieldline, writeConfig } from '../../support/fieldline.js';
import { tempDir } from '../../support/temp-dir.js';
import { layReleases, makeRelease } from '../releases/make-release.js';
import { Agent } from './agent.js';

it('a rollout goes on after kill -9 of the gateway; a bad one stops at the canary; a device is waited for', async () => {
  const folder = await tempDir();
  const [httpPort, mqttPort, partsPort] = [await freePort(), await freePort(), await freePort()];
  const releases = { port: partsPort, url: `http://127.0.0.1:${partsPort}/releases` };
  const config = writeConfig(folder, {
    data: join(folder, 'data'),
    http: { port: httpPort },
    gateway: { mqtt: { port: mqttPort, auth: 'none' }, releases },
    ...{ edge: { enabled: false }, simulator: { enabled: false }, reports: { enabled: false } },
  });
  const args = ['up', '--config', config, '--log-format', 'json'];
  const start = () => startFieldline({ name: 'up', args, folder, httpPort, readyWithinMs: 30_000 });
  let line = await start();
  onTestFinished(() => line.kill9());
  const at = ['--http', line.http, '--data', join(folder, 'data')];
  const run = (...words: string[]) => runFieldline([...words, ...at], folder, 120_000);
  const status = async () => lastJson<RolloutView>(await run('fleet', 'status', '--json'));

  // Nobody is there yet, and the wait says so.
  const none = await run('device', 'wait', 'plant1/pi-0', '--timeout', '100ms');
  expect([none.code, none.stderr]).toEqual([1, expect.stringContaining('nothing was heard yet')]);

  const built = join(folder, 'built');
  await mkdir(built);
  const [good, bad] = [makeRelease('2.0.0', 'arm64', 200_000), makeRelease('3.0.0')];
  await layReleases(built, good, bad);
  expect((await run('release', 'push', built)).code).toBe(0);

  const agents: Agent[] = [];
  const works = (version: string) => version !== '3.0.0';
  for (let n = 0; n < 6; n += 1) {
    const labels: Record<string, string> = n === 0 ? { ring: 'canary' } : {};
    const device = { site: 'plant1', device: `pi-${n}` };
    agents.push(await Agent.start({ device, labels, works, connect: { port: mqttPort } }));
  }
  const there = await run('device', 'wait', 'plant1/pi-0', '--json');
  expect([there.code, lastJson<{ stage: string }>(there).stage]).toEqual([0, 'stored']);

  const stages = ['--stages', 'canary=label:ring=canary,50%,100%'];
  const begun = await run('fleet', 'rollout', '2.0.0', ...stages);
  expect([begun.code, begun.stderr]).toEqual([0, '']);
  await waitFor('the canary', 30_000, () => agents[0]!.running === '2.0.0', 5);
  await line.kill9();
  line = await start();
  const waited = await run('fleet', 'wait', '--timeout', '100s');
  expect([waited.code, waited.stderr]).toEqual([0, expect.stringContaining('done')]);
  expect(agents.map(({ running }) => running)).toEqual(Array.from({ length: 6 }, () => '2.0.0'));
  for (const { fetched } of agents) expect(fetched).toEqual([good.sha256]);
  const { stages: done } = await status();
  expect(done.map(({ devices, status: how }) => [devices, how])).toEqual([
    [1, 'passed'],
    [2, 'passed'],
    [3, 'passed'],
  ]);

  const failed = await run('fleet', 'rollout', '3.0.0', ...stages, '--wait');
  expect([failed.code, failed.stdout]).toEqual([1, expect.stringContaining('nothing was acknowledged in time')]);
  expect(agents.map(({ running }) => running)).toEqual(Array.from({ length: 6 }, () => '2.0.0'));
  for (const { reports } of agents.slice(1)) expect(reports.filter((one) => one.startsWith('3.0.0'))).toEqual([]);

  // Its last pack may be in the log and not yet in the ledger that the list is made from.
  type Listed = { version: string; report: { status: string }; completeness: number; desired: null };
  const list = async () => lastJson<Listed[]>(await run('fleet', 'list', '--only', 'label:ring=canary', '--json'))[0]!;
  let canary = await list();
  await waitFor('the last pack of the canary', 30_000, async () => (canary = await list()).completeness === 1);
  expect(canary).toMatchObject({ version: '2.0.0', report: { status: 'rolled-back' }, desired: null });
  expect((await run('fleet', 'resume')).code).toBe(1);
});
