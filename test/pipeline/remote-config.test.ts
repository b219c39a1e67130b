import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { freePorts } from '../servers/free-port.js';
import { waitFor } from '../servers/wait-for.js';
import { lastJson, runFieldline, startFieldline, writeConfig } from '../support/fieldline.js';
import { tempDir } from '../support/temp-dir.js';

it('a device is configured from afar by the command line, and a gateway that starts anew still knows it', async () => {
  const folder = await tempDir();
  const run = (...args: string[]) => runFieldline(['config', ...args], folder, 30_000);
  expect((await run('keygen', 'owner')).code).toBe(0);
  expect((await stat(join(folder, 'owner.key'))).mode & 0o077).toBe(0);

  const [httpPort, mqttPort] = (await freePorts(2)) as [number, number];
  const file = writeConfig(folder, {
    simulator: { enabled: false },
    edge: { device: 'press', config: { publicKeyFile: join(folder, 'owner.pub'), probationMs: '2s' } },
  });
  const args = [
    'up',
    '--config',
    file,
    '--data',
    `${folder}/data`,
    '--http-port',
    `${httpPort}`,
    '--mqtt-port',
    `${mqttPort}`,
  ];
  const start = () => startFieldline({ name: 'up', args, folder, httpPort });
  let line = await start();
  onTestFinished(() => line.kill9());

  const yaml = join(folder, 'press.yaml');
  await writeFile(
    yaml,
    'sensors:\n  - driver: host\n    intervalMs: 200ms\n    channels: [load-1m]\n    secretToken: x\n',
  );
  const sign = (version: number) =>
    run(
      'sign',
      '--key',
      'owner.key',
      '--device',
      'local/press',
      '--version',
      `${version}`,
      '--output',
      'press.signed',
      yaml,
    );
  const faulty = await sign(1);
  expect(faulty.code).toBe(2);
  expect(faulty.stderr).toContain(`${yaml}:5: sensors.0.secretToken: a secret may not be set from afar`);
  await writeFile(yaml, 'sensors:\n  - driver: host\n    intervalMs: 200ms\n    channels: [load-1m]\n');
  expect((await sign(1)).code).toBe(0);

  const push = (...more: string[]) => run('push', 'press.signed', '--http', line.http, ...more);
  const data = ['--data', `${folder}/data`];
  expect((await push(...data, '--wait', '20s', '--json')).code).toBe(0);
  const series = async () => {
    const { devices } = (await (await fetch(`${line.http}/api/v1/devices`)).json()) as {
      devices: { sensors: number }[];
    };
    return devices[0]?.sensors;
  };
  await waitFor('the new catalogue', 10_000, async () => (await series()) === 1);

  // Another machine has the token, not the secret.
  await writeFile(join(folder, 'token'), (await run('token', ...data)).stdout);
  expect((await push('--token-file', 'token')).code).toBe(0);

  await line.terminate();
  line = await start();
  await waitFor('the device under the same config', 10_000, async () => (await series()) === 1);
  await sign(2);
  const again = await push(...data, '--wait', '20s', '--json');
  expect(lastJson<object>(again)).toMatchObject({ device: 'local/press', version: 2, status: 'applied' });
  const status = await run('status', 'local/press', '--http', line.http, ...data, '--json');
  expect(lastJson(status)).toMatchObject({ desired: { version: 2 }, reported: { version: 2, status: 'applied' } });
  await sign(1);
  const old = await push(...data);
  expect(old.code).toBe(1);
  expect(old.stderr).toContain('version 1 is not newer than 2');
  expect((await run('clear', 'local/press', '--http', line.http, ...data)).code).toBe(0);

  const device = (...args: string[]) => runFieldline(['device', ...args, '--http', line.http, ...data], folder, 30_000);
  const answered = await device('command', 'local/press', 'report-status', '--wait', '30s', '--json');
  expect(lastJson(answered)).toMatchObject({ status: 'answered', result: { ok: true } });
  const refused = await device('command', 'local/press', 'restart-sensor', '--name', 'none', '--wait', '30s');
  expect([refused.code, refused.stdout]).toEqual([1, expect.stringContaining('refused') as string]);
  expect((await device('command', 'local/press', 'restart-sensor')).code).toBe(2);
  expect((await device('commands', 'local/press')).stdout).toContain('report-status  answered');
  expect((await device('list', '--unknown')).stdout).toContain('local/press  unknown');
  expect((await device('adopt', '--all')).code).toBe(0);
  expect((await device('rename', 'local/press', '--title', 'Press 7')).code).toBe(0);
  expect(lastJson(await device('list', '--json'))).toMatchObject([
    { device: 'press', state: 'adopted', title: 'Press 7' },
  ]);
  expect((await device('list', '--unknown')).stdout).toContain('No device is unknown.');
});
