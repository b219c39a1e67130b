import { describe, expect, it } from 'vitest';
import { mqttTopic } from '../../../core/contract/mqtt-topics.js';
import { deviceToken } from '../../../core/runtime/device-token.js';
import type { RolloutView } from '../../../gateway/rollout/rollout-view.js';
import { waitFor } from '../../servers/wait-for.js';
import { TcpBalancer } from '../../support/tcp-balancer.js';
import { tempDir } from '../../support/temp-dir.js';
import { connectDevice, press, secret, startGateway } from '../harness.js';
import { operatorOf } from '../operator.js';
import { layReleases, makeRelease } from '../releases/make-release.js';
import { Agent } from './agent.js';

const long = 20_000;

async function startPair() {
  const directory = await tempDir();
  const [one, two] = [makeRelease('1.0.0'), makeRelease('2.0.0')];
  await layReleases(directory, one, two);
  const first = await startGateway({ releases: { directory, port: 0 }, rollout: { atOnce: 2 } });
  const releases = { directory, port: 0, url: `http://127.0.0.1:${first.gateway.releasesPort()}/releases` };
  const a = await startGateway({ log: first.memory, releases, rollout: { atOnce: 2 } });
  const b = await startGateway({ log: first.memory, releases, rollout: { atOnce: 2 } });
  const [askA, askB] = [await operatorOf(a.gateway), await operatorOf(b.gateway)];
  return { a, b, askA, askB, url: releases.url, two, memory: first.memory };
}

async function startAgents(port: number, count = 6): Promise<Agent[]> {
  const agents: Agent[] = [];
  for (let n = 0; n < count; n += 1) {
    const device = { site: 'plant1', device: `pi-${n}` };
    agents.push(await Agent.start({ device, connect: { port, password: deviceToken(secret, device) } }));
  }
  return agents;
}

describe('a rollout at two gateways of one log', () => {
  it('goes on at the other one when one ends, and both tell the same', async () => {
    const { a, b, askA, askB } = await startPair();
    const balancer = await TcpBalancer.start([a.port, b.port]);
    const agents = await startAgents(balancer.port);
    const fleetOf = async (ask: typeof askA) =>
      ((await ask('GET', '/fleet')).answer['devices'] as { arch: string }[]).filter(({ arch }) => arch);
    await waitFor('all devices', long, async () => (await fleetOf(askA)).length === 6);
    const wanted = { version: '2.0.0', stages: [{ select: '20%' }, { select: '100%' }] };
    expect((await askA('POST', '/rollouts', wanted)).status).toBe(409);
    const begun = await askA('POST', '/rollouts', { ...wanted, completeness: false });
    expect(begun.status).toBe(201);
    const { id } = begun.answer as unknown as RolloutView;
    await waitFor('the other gateway', long, async () => (await askB('GET', `/rollouts/${id}`)).status === 200);
    expect((await askB('POST', '/rollouts', { ...wanted, completeness: false })).status).toBe(409);
    await waitFor('the first device', long, () => agents.some(({ running }) => running === '2.0.0'), 5);
    await a.gateway.stop(0);
    balancer.cut();
    const viewAt = async (ask: typeof askA) => (await ask('GET', `/rollouts/${id}`)).answer as unknown as RolloutView;
    await waitFor('its end', long, async () => (await viewAt(askB)).status === 'done');
    expect(agents.map(({ running }) => running)).toEqual(Array.from({ length: 6 }, () => '2.0.0'));
    for (const { fetched } of agents) expect(fetched).toHaveLength(1);
    await a.gateway.start();
    expect((await viewAt(askA)).status).toBe('done');
    const acts = b.memory
      .records('gateway-audit')
      .map(({ value }) => JSON.parse(Buffer.from(value).toString()) as object);
    expect(acts).toContainEqual(expect.objectContaining({ what: 'rollout', target: id, outcome: 'done' }));
  });

  it('is paused, resumed and taken back at whichever of them', async () => {
    const { b, askA, askB } = await startPair();
    const agents = await startAgents(b.port, 4);
    await waitFor(
      'all devices',
      long,
      async () => ((await askA('GET', '/fleet')).answer['devices'] as object[]).length === 4,
    );
    const wanted = { version: '2.0.0', stages: [{ select: '25%' }, { select: '100%' }], completeness: false };
    const { id } = (await askA('POST', '/rollouts', wanted)).answer as unknown as RolloutView;
    const view = async () => (await askA('GET', `/rollouts/${id}`)).answer as unknown as RolloutView;
    await waitFor('it', long, async () => (await askB('POST', `/rollouts/${id}/pause`)).status === 200);
    await waitFor('the pause', long, async () => (await view()).status === 'paused');
    expect((await askA('POST', `/rollouts/${id}/resume`)).status).toBe(200);
    await waitFor('its end', long, async () => (await view()).status === 'done');
    expect((await askA('POST', `/rollouts/${id}/abort`)).status).toBe(409);
    expect((await askA('POST', `/rollouts/${id}/abort`, { revert: true })).status).toBe(200);
    await waitFor('the way back', long, () => agents.every(({ running }) => running === '1.0.0'));
    await waitFor('all reverted', long, async () => (await view()).devices.every(({ state }) => state === 'reverted'));
    expect((await view()).status).toBe('aborted');
  });
});

describe('the desired release of one device', () => {
  it('is retained, told at every gateway, and taken back', async () => {
    const { a, b, askA, askB, url, two } = await startPair();
    const release = {
      type: 'fieldline-desired-release',
      format: 1,
      release: two.release,
      sources: [url],
      trialMs: 10_000,
      id: 'by-hand',
    };
    expect((await askA('PUT', '/devices/plant1/press-07/release', { ...release, sources: ['ftp://x'] })).status).toBe(
      400,
    );
    expect((await askA('PUT', '/devices/plant1/press-07/release', release)).status).toBe(200);
    const told = async () => (await askB('GET', '/devices/plant1/press-07/release')).answer['desired'];
    await waitFor('the other gateway', long, async () => (await told()) !== null);
    expect(await told()).toEqual({ id: 'by-hand', version: '2.0.0' });
    const read = async (port: number): Promise<string[]> => {
      const client = await connectDevice(port, press);
      const got: string[] = [];
      client.on('message', (_topic, payload) => got.push(payload.toString()));
      await client.subscribeAsync(mqttTopic(press, 'release'), { qos: 1 });
      return got;
    };
    const [atA, atB] = [await read(a.port), await read(b.port)];
    await waitFor('both', long, () => atA.length === 1 && atB.length === 1);
    expect(JSON.parse(atA[0]!)).toEqual(release);
    expect((await askB('DELETE', '/devices/plant1/press-07/release')).status).toBe(200);
    await waitFor('the end of it', long, () => atA[1] === '' && atB[1] === '');
    await a.gateway.stop(100);
    await a.gateway.start();
    expect((await askA('GET', '/devices/plant1/press-07/release')).answer['desired']).toBeNull();
  });
});
