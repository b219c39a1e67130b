import { generateKeyPairSync } from 'node:crypto';
import { Registry } from 'prom-client';
import { describe, expect, it, onTestFinished } from 'vitest';
import { maxConfigBytes, signConfig } from '../../../core/contract/desired-config.js';
import { mqttTopic } from '../../../core/contract/mqtt-topics.js';
import type { DeviceId } from '../../../core/contract/names.js';
import { RejectedError } from '../../../core/runtime/errors.js';
import { silentLogger } from '../../../core/runtime/logger.js';
import { operatorToken } from '../../../core/runtime/operator-token.js';
import { OpsServer } from '../../../core/runtime/ops-server.js';
import type { Gateway } from '../../../gateway/main.js';
import { waitFor } from '../../servers/wait-for.js';
import { connectDevice, oven, press, secret, startGateway } from '../harness.js';

const { privateKey } = generateKeyPairSync('ed25519');
const signed = (version: number, device: DeviceId = press, over: object = {}): Uint8Array =>
  signConfig({ type: 'fieldline-config', format: 1, ...device, version, config: {}, ...over }, privateKey);

async function doorOf(gateway: Gateway) {
  const ops = new OpsServer({
    port: 0,
    registry: new Registry(),
    notReady: () => [],
    logger: silentLogger,
    door: gateway.door,
  });
  await ops.start();
  onTestFinished(() => ops.stop(100));
  return async (
    method: string,
    body?: Uint8Array,
    over: { device?: DeviceId; token?: string; query?: string } = {},
  ) => {
    const { device = press, token = operatorToken(secret), query = '' } = over;
    const url = `http://127.0.0.1:${ops.port}/api/v1/devices/${device.site}/${device.device}/config${query}`;
    const headers = { Authorization: `Bearer ${token}` };
    const response = await fetch(url, { method, headers, ...(body && { body: Buffer.from(body) }) });
    return { status: response.status, answer: (await response.json()) as Record<string, unknown> };
  };
}

/** The configs that a device gets to read from the moment it subscribes. */
async function reader(port: number, device = press): Promise<string[]> {
  const client = await connectDevice(port, device);
  const got: string[] = [];
  client.on('message', (_topic, payload) => got.push(payload.toString()));
  await client.subscribeAsync(mqttTopic(device, 'config'), { qos: 1 });
  return got;
}
const text = (payload: Uint8Array) => Buffer.from(payload).toString();

describe('a desired config', () => {
  it('reaches its device, and no other, whether it is there or comes later', async () => {
    const { gateway, port } = await startGateway();
    const ask = await doorOf(gateway);
    const early = await reader(port);
    const other = await reader(port, oven);
    expect((await ask('PUT', signed(1))).status).toBe(200);
    await waitFor('the config', 2000, () => early.length === 1);
    const late = await reader(port);
    await waitFor('the retained config', 2000, () => late.length === 1);
    expect([early, late, other]).toEqual([[text(signed(1))], [text(signed(1))], []]);
  });

  it('is still there after a restart of the gateway, and at another gateway of the same log', async () => {
    const first = await startGateway();
    await (
      await doorOf(first.gateway)
    )('PUT', signed(1));
    await (
      await doorOf(first.gateway)
    )('PUT', signed(2));
    const second = await startGateway({ log: first.memory });
    const got = await reader(second.port);
    await waitFor('the newest config', 2000, () => got.length === 1);
    expect(got).toEqual([text(signed(2))]);
    await first.gateway.stop(100);
    await first.gateway.start();
    const again = await reader(first.gateway.address().port);
    await waitFor('the config', 2000, () => again.length === 1);
    await (
      await doorOf(second.gateway)
    )('PUT', signed(3));
    await waitFor('what the other gateway was told', 2000, () => again.length === 2);
    expect(again).toEqual([text(signed(2)), text(signed(3))]);
  });

  it('can be taken back at any gateway, and then no device that comes is told it', async () => {
    const first = await startGateway();
    const second = await startGateway({ log: first.memory });
    const [askFirst, askSecond] = [await doorOf(first.gateway), await doorOf(second.gateway)];
    await askFirst('PUT', signed(1));
    await waitFor('it is known', 20_000, async () => (await askSecond('GET')).answer['desired'] !== null);
    const got = await reader(first.port);
    await waitFor('the config', 20_000, () => got.length === 1);
    expect((await askSecond('DELETE')).status).toBe(200);
    await waitFor('what a device may read, and ignores', 20_000, () => got.length === 2);
    expect(got[1]).toBe('');
    await askSecond('PUT', signed(2, oven), { device: oven });
    const [late, other] = [await reader(first.port), await reader(first.port, oven)];
    await waitFor('the config of the other', 20_000, () => other.length === 1);
    expect(late).toEqual([]);
    const { answer } = await askFirst('GET');
    expect(answer).toEqual({ desired: null, reported: null });
    // After a restart, too.
    await first.gateway.stop(100);
    await first.gateway.start();
    const again = await reader(first.gateway.address().port, oven);
    await waitFor('the config of the other', 20_000, () => again.length === 1);
    expect((await askFirst('GET')).answer['desired']).toBeNull();
    const acts = first.memory
      .records('gateway-audit')
      .map(({ value }) => JSON.parse(text(value)) as { detail: string });
    expect(acts.map(({ detail }) => detail)).toEqual(['version 1', 'version 1 taken back', 'version 2']);
  });

  it('is told with what the device reported of it', async () => {
    const { gateway, port } = await startGateway();
    const ask = await doorOf(gateway);
    expect((await ask('GET')).answer).toEqual({ desired: null, reported: null });
    const { answer } = await ask('PUT', signed(1));
    const client = await connectDevice(port, press);
    const report = {
      type: 'config',
      session: 'a'.repeat(16),
      ...answer,
      status: 'applied',
      confirmed: false,
      timeUs: 5,
    };
    await client.publishAsync(mqttTopic(press, 'state'), JSON.stringify(report), { qos: 1 });
    await waitFor('the report', 2000, async () => (await ask('GET')).answer['reported'] !== null);
    expect((await ask('GET')).answer).toEqual({ desired: answer, reported: report });
    expect(gateway.status().messages).toEqual({ 'config-report': 1 });
  });
});

describe('the door for operators', () => {
  it('takes the token of the operator only', async () => {
    const { gateway, memory } = await startGateway();
    const ask = await doorOf(gateway);
    for (const token of ['', 'x', operatorToken(Buffer.from('another secret of the same length'))]) {
      for (const method of ['GET', 'PUT'])
        expect((await ask(method, method === 'PUT' ? signed(1) : undefined, { token })).status).toBe(401);
    }
    expect(memory.records('device-events')).toEqual([]);
  });

  it('refuses what the device would refuse', async () => {
    const { gateway, memory } = await startGateway();
    const ask = await doorOf(gateway);
    await ask('PUT', signed(5));
    await waitFor('it is known', 2000, async () => (await ask('GET')).answer['desired'] !== null);
    expect((await ask('PUT', signed(4))).status).toBe(409);
    expect((await ask('PUT', signed(5, press, { config: { pack: {} } }))).status).toBe(409);
    expect((await ask('PUT', signed(6, oven))).status).toBe(400);
    expect((await ask('PUT', Buffer.from('{}'))).status).toBe(400);
    expect((await ask('PUT', Buffer.alloc(maxConfigBytes + 1))).status).toBe(413);
    expect((await ask('POST')).status).toBe(405);
    expect(memory.records('device-events')).toHaveLength(1);
    expect((await ask('PUT', signed(4), { query: '?force' })).status).toBe(200);
  });

  it('says so when the log does not take it', async () => {
    const { gateway, log } = await startGateway();
    log.fault = () => ({ error: new RejectedError('too-large', 'too large') });
    expect(await (await doorOf(gateway))('PUT', signed(1))).toMatchObject({ status: 503 });
  });
});
