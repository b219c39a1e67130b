import { generateKeyPairSync } from 'node:crypto';
import type { MqttClient } from 'mqtt';
import { describe, expect, it } from 'vitest';
import { catalogueHash } from '../../core/contract/catalogue.js';
import { signConfig } from '../../core/contract/desired-config.js';
import { mqttTopic } from '../../core/contract/mqtt-topics.js';
import { deviceKey } from '../../core/contract/names.js';
import { waitFor } from '../servers/wait-for.js';
import { testCatalogue, testEpoch } from '../support/packs.js';
import { TcpBalancer } from '../support/tcp-balancer.js';
import { bornEpochs, Card, Clones, drained, everyReading, stored } from './epochs/cards.js';
import { connectDevice, press, startGateway, type TestGateway } from './harness.js';
import { operatorOf } from './operator.js';

const state = mqttTopic(press, 'state');
const catalogue = testCatalogue(['temp'], press.site, press.device);
const session = (digit: string) => digit.repeat(16);
const offline = (digit: string) => JSON.stringify({ type: 'offline', session: session(digit) });

async function startPair() {
  const a = await startGateway();
  const b = await startGateway({ log: a.memory });
  return { a, b, balancer: await TcpBalancer.start([a.port, b.port]) };
}

/** A connection of the device with a session of its own, which it announces. */
async function born(port: number, digit: string, lastSeq = 4) {
  const will = { topic: state, payload: Buffer.from(offline(digit)), qos: 1 as const, retain: false };
  const client = await connectDevice(port, press, { clientId: deviceKey(press), will });
  let isOpen = true;
  client.on('close', () => (isOpen = false));
  await announce(client, digit, lastSeq);
  return { client, isOpen: () => isOpen };
}

async function announce(client: MqttClient, digit: string, lastSeq: number): Promise<void> {
  const outbox = { session: session(digit), epoch: testEpoch, lastSeq, oldestHeld: 0, timeUs: 1_790_000_000_000_000 };
  const sensors = { catalogueHash: catalogueHash(catalogue), catalogue, version: '1.0.0' };
  await client.publishAsync(state, JSON.stringify({ type: 'birth', ...outbox, ...sensors }), { qos: 1 });
}

const kinds = ({ memory }: TestGateway) => memory.records('device-events').map(({ key }) => key.split('/')[2]);

describe('two gateways of one log, behind a balancer', () => {
  it('a device that moves is heard on its new connection only, and the will of the old one says nothing', async () => {
    const { a, b, balancer } = await startPair();
    const first = await born(balancer.port, 'a');
    const second = await born(balancer.port, 'b', 9);
    await waitFor('the old connection to be closed', 20_000, () => !first.isOpen());
    expect(a.gateway.status().refused).toEqual({ moved: 1 });
    await waitFor('the will', 20_000, () => a.gateway.status().messages['offline-ignored'] === 1);
    // Back to the first, and to the second again: whoever has the older session closes it.
    const third = await born(balancer.port, 'c', 9);
    await waitFor('the second to be closed', 20_000, () => !second.isOpen());
    const fourth = await born(balancer.port, 'd', 12);
    await waitFor('the third to be closed', 20_000, () => !third.isOpen());
    await waitFor('all wills', 20_000, () => {
      const ignored = [a, b].map(({ gateway }) => gateway.status().messages['offline-ignored'] ?? 0);
      return ignored[0] === 2 && ignored[1] === 1;
    });
    expect(fourth.isOpen()).toBe(true);
    expect(kinds(a)).not.toContain('offline');
    // Its own will still counts.
    fourth.client.stream.destroy();
    await waitFor('the last will', 20_000, () => kinds(a).includes('offline'));
    expect(a.gateway.status().refused).toEqual({ moved: 2 });
    expect(b.gateway.status().refused).toEqual({ moved: 1 });
  });

  it('what a session says late, after the device was born elsewhere, makes no dispute of its numbers', async () => {
    const { a, balancer } = await startPair();
    const first = await connectDevice(balancer.port, press, { clientId: 'silent' });
    const told: string[] = [];
    first.on('message', (_topic, payload) => told.push(payload.toString()));
    await first.subscribeAsync(mqttTopic(press, 'command', '+'), { qos: 1 });
    const beat = (digit: string, lastSeq: number) => {
      const outbox = {
        session: session(digit),
        epoch: testEpoch,
        lastSeq,
        oldestHeld: 0,
        timeUs: 1_790_000_000_000_000,
      };
      return JSON.stringify({ type: 'heartbeat', ...outbox, pending: 0, bytes: 1 });
    };
    // Never born on this connection, so nobody closes it.
    await first.publishAsync(state, beat('a', 4), { qos: 1 });
    await born(balancer.port, 'b', 9);
    await waitFor('the birth at the first gateway', 20_000, async () => {
      await first.publishAsync(state, offline('a'), { qos: 1 });
      return a.gateway.status().messages['offline-ignored'];
    });
    await first.publishAsync(state, beat('a', 5), { qos: 1 });
    await first.publishAsync(mqttTopic(press, 'data'), Buffer.from('[]'), { qos: 1 });
    expect(told).toEqual([]);
  });

  it('config and command reach a device wherever it is', async () => {
    const { a, b, balancer } = await startPair();
    // Takes the first place at the balancer.
    await born(balancer.port, 'a');
    const { client } = await born(balancer.port, 'b');
    expect(balancer.count(b.port)).toBe(1);
    const heard: string[] = [];
    client.on('message', (topic, payload) => {
      heard.push(topic);
      const id = topic.split('/command/')[1];
      if (id) client.publish(mqttTopic(press, 'result', id), '{"ok":true,"status":{}}', { qos: 1 });
      else heard.push(payload.toString());
    });
    await client.subscribeAsync([mqttTopic(press, 'config'), mqttTopic(press, 'command', '+')], { qos: 1 });
    const atA = await operatorOf(a.gateway);
    const path = `/devices/${deviceKey(press)}`;
    const given = await atA('POST', `${path}/commands`, { type: 'report-status' });
    expect(given.status).toBe(202);
    const id = (given.answer as { id: string }).id;
    await waitFor('the answer, at the gateway that gave it', 20_000, async () => {
      return ((await atA('GET', `${path}/commands/${id}`)).answer as { status: string }).status === 'answered';
    });
    const { privateKey } = generateKeyPairSync('ed25519');
    const config = signConfig({ type: 'fieldline-config', format: 1, ...press, version: 1, config: {} }, privateKey);
    expect((await atA('PUT', `${path}/config`, config)).status).toBe(200);
    await waitFor('the config', 20_000, () => heard.includes(Buffer.from(config).toString()));
    expect(heard.filter((topic) => topic === mqttTopic(press, 'command', id))).toHaveLength(1);
  });

  it('no reading is lost or stored twice while a device goes from one to the other, again and again', async () => {
    const { a, b, balancer } = await startPair();
    const clones = new Clones(() => balancer.port);
    const edge = await clones.boot(await Card.blank());
    for (let turn = 1; turn <= 4; turn += 1) {
      await waitFor(
        'a connection',
        20_000,
        () => edge.status().uplink.connections >= turn && edge.status().uplink.connected,
      );
      const before = a.memory.records('sensor-readings').length;
      await waitFor('packs', 20_000, () => a.memory.records('sensor-readings').length > before + 5, 5);
      balancer.cut();
    }
    await drained(edge);
    const { readings, conflicts } = stored(a.memory);
    expect(readings).toEqual(everyReading(clones));
    expect(conflicts).toBe(0);
    // A device that moves is not taken for a clone of itself.
    expect(bornEpochs(a.memory).size).toBe(1);
    for (const { gateway } of [a, b]) expect(gateway.status().messages['pack']).toBeGreaterThan(0);
  });
});
