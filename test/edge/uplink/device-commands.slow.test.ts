import { expect, it } from 'vitest';
import { mqttTopic } from '../../../core/contract/mqtt-topics.js';
import { freePort } from '../../servers/free-port.js';
import { waitFor } from '../../servers/wait-for.js';
import { tempDir } from '../../support/temp-dir.js';
import { TestGateway } from '../agent/test-gateway.js';
import { device, localConfig, makeDevice } from '../desired-config/configurable-device.js';

it('a device obeys commands of its gateway once, and answers again after a restart', async () => {
  const gateway = await TestGateway.start(await freePort());
  const config = localConfig(await tempDir(), gateway.url);
  const first = makeDevice(config);
  await first.edge.start();
  await waitFor('packs', 10_000, () => gateway.packs.length > 5);
  const tell = async (id: string, command: object) => {
    const before = gateway.results.length;
    await gateway.say(mqttTopic(device, 'command', id), Buffer.from(JSON.stringify(command)), false);
    await waitFor(`the answer to ${id}`, 10_000, () => gateway.results.length > before, 5);
    return gateway.results.at(-1);
  };
  const restart = { type: 'restart-sensor', name: 'host' };
  expect(await tell('c1', restart)).toEqual(['c1', { ok: true }]);
  expect(await tell('c2', { ...restart, name: 'cellar' })).toMatchObject(['c2', { ok: false }]);
  const late = { ...restart, expiresUs: 1 };
  expect(await tell('c3', late)).toEqual(['c3', { ok: false, error: 'it has expired' }]);
  const { epoch } = gateway.packs[0]!;
  expect(await tell('c4', { type: 'resend', epoch, from: 0, to: 2 })).toEqual(['c4', { ok: true, resent: 3 }]);
  await waitFor('the packs again', 5000, () => gateway.packs.filter(({ seq }) => seq <= 2).length === 6);
  const [, status] = (await tell('c5', { type: 'report-status' }))!;
  expect(status).toMatchObject({ ok: true, status: { uplink: { connected: true }, agent: { dropped: 0 } } });
  await first.edge.stop(5000);

  const second = makeDevice(config);
  await second.edge.start();
  await waitFor('the device is back', 10_000, () => second.edge.status().uplink.connected);
  expect(await tell('c4', { type: 'resend', epoch, from: 0, to: 2 })).toEqual(['c4', { ok: true, resent: 3 }]);
  expect(await tell('c5', { type: 'report-status' })).toEqual(['c5', status]);
  expect(gateway.packs.filter(({ seq }) => seq <= 2)).toHaveLength(6);
}, 60_000);
