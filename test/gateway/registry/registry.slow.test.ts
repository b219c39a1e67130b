import { describe, expect, it } from 'vitest';
import { mqttTopic } from '../../../core/contract/mqtt-topics.js';
import type { DeviceId } from '../../../core/contract/names.js';
import { waitFor } from '../../servers/wait-for.js';
import { connectDevice, oven, press, startGateway } from '../harness.js';
import { operatorOf } from '../operator.js';
import { WireDevice } from './wire-device.js';

const deadlineMs = 30_000;
const epoch = 'e'.repeat(32);
const at = ({ site, device }: DeviceId, act?: string) =>
  `/registry/${site}/${device}${act === undefined ? '' : `/${act}`}`;
type Ask = Awaited<ReturnType<typeof operatorOf>>;
const stateAt = async (ask: Ask, device: DeviceId) => (await ask('GET', at(device))).answer['state'];
const known = (ask: Ask, device: DeviceId, state: string) =>
  waitFor(`${device.device} is ${state}`, deadlineMs, async () => (await stateAt(ask, device)) === state);
const refusal = (port: number, device: DeviceId) =>
  connectDevice(port, device).then(
    () => 'let in',
    (error: Error) => error.message,
  );

describe('a device that nobody adopted', () => {
  it('is listed and may speak, unless the configuration says otherwise', async () => {
    const { gateway, port, memory } = await startGateway();
    const ask = await operatorOf(gateway);
    const device = await WireDevice.open(port, press, ['temp'], epoch);
    await device.send(0, 20);
    await waitFor('it is listed', deadlineMs, async () => {
      return ((await ask('GET', '/registry?state=unknown')).answer['devices'] as object[]).length === 1;
    });
    const { answer } = await ask('GET', '/registry');
    expect(answer['devices']).toMatchObject([{ ...press, state: 'unknown', title: null, speaksAs: null }]);
    expect(memory.records('sensor-readings')).toHaveLength(1);
    await ask('POST', at(press, 'adopt'), { title: 'Press 7' });
    await known(ask, press, 'adopted');
    expect((await ask('GET', '/registry?state=unknown')).answer['devices']).toEqual([]);
    expect((await ask('GET', at(press))).answer['title']).toBe('Press 7');
  });

  it('is set aside in quarantine, but for what it says of itself, until it is adopted', async () => {
    const { gateway, port, memory } = await startGateway({ devices: { unknown: 'quarantine' } });
    const ask = await operatorOf(gateway);
    const device = await WireDevice.open(port, press, ['temp'], epoch);
    await device.send(0, 20);
    await device.send(1, 21);
    const letters = memory.records('dead-letters');
    expect(letters.map(({ headers }) => headers?.['reason'])).toEqual(['unknown-device', 'unknown-device']);
    expect(letters.map(({ headers }) => headers?.['source'])).toContain(mqttTopic(press, 'data'));
    expect(memory.records('sensor-readings')).toEqual([]);
    const { readings } = gateway.status();
    expect(readings).toMatchObject({ in: 2, out: 0, dropped: 2, inFlight: 0 });
    await known(ask, press, 'unknown');
    expect((await ask('POST', at(press, 'adopt'))).status).toBe(200);
    await device.send(2, 22);
    expect(memory.records('sensor-readings')).toHaveLength(1);
    expect(memory.records('dead-letters')).toHaveLength(2);
  });

  it('may not connect where such devices are rejected; every gateway lists it, and lets it in once it is adopted', async () => {
    const one = await startGateway({ devices: { unknown: 'reject' } });
    const two = await startGateway({ log: one.memory, devices: { unknown: 'reject' } });
    const [askOne, askTwo] = [await operatorOf(one.gateway), await operatorOf(two.gateway)];
    expect(await refusal(one.port, press)).toContain('Not authorized');
    expect(await refusal(one.port, press)).toContain('Not authorized');
    expect(one.gateway.status().refused['unknown-device']).toBe(2);
    await waitFor('the other lists it', deadlineMs, async () => {
      const { devices } = (await askTwo('GET', '/registry?state=unknown')).answer as { devices: object[] };
      return devices.length === 1;
    });
    await askTwo('POST', at(press, 'adopt'));
    await known(askOne, press, 'adopted');
    const device = await WireDevice.open(one.port, press, ['temp'], epoch);
    await device.send(0, 20);
    expect(one.memory.records('sensor-readings')).toHaveLength(1);
  });
});

describe('a retired device', () => {
  it('is cut off at every gateway and may not come back, until it is adopted again', async () => {
    const one = await startGateway();
    const two = await startGateway({ log: one.memory });
    const [askOne, askTwo] = [await operatorOf(one.gateway), await operatorOf(two.gateway)];
    const device = await WireDevice.open(two.port, press, ['temp'], epoch);
    const other = await WireDevice.open(two.port, oven, ['temp'], 'f'.repeat(32));
    await device.send(0, 20);
    expect((await askOne('POST', at(press, 'retire'))).status).toBe(200);
    await waitFor('the end of its connection', deadlineMs, () => !device.client.connected);
    expect(two.gateway.status().refused['device-retired']).toBe(1);
    await other.send(0, 20);
    for (const port of [one.port, two.port]) expect(await refusal(port, press)).toContain('Not authorized');
    expect((await askTwo('GET', '/registry?state=retired')).answer['devices']).toMatchObject([press]);
    await askOne('POST', at(press, 'adopt'));
    await known(askTwo, press, 'adopted');
    expect(await refusal(two.port, press)).toBe('let in');
  });
});

describe('a renamed device', () => {
  const pi = { site: 'plant1', device: 'pi-07' };

  it('gets its commands under the name with which it speaks, and its answer is that of the device', async () => {
    const { gateway, port } = await startGateway();
    const ask = await operatorOf(gateway);
    await ask('POST', at(pi, 'rename'), { to: 'plant1/press-07' });
    const client = await connectDevice(port, press);
    client.on('message', (topic) => {
      void client.publishAsync(mqttTopic(press, 'result', topic.split('/').at(-1)), '{"ok":true}', { qos: 1 });
    });
    await client.subscribeAsync(mqttTopic(press, 'command', '+'), { qos: 1 });
    const { answer } = await ask('POST', '/devices/plant1/pi-07/commands', { type: 'report-status' });
    await waitFor('the answer', deadlineMs, async () => {
      const { answer: view } = await ask('GET', `/devices/plant1/pi-07/commands/${String(answer['id'])}`);
      return view['status'] === 'answered';
    });
    expect((await ask('GET', '/registry')).answer['devices']).toMatchObject([
      { ...pi, state: 'adopted', title: 'plant1/press-07', speaksAs: 'plant1/press-07' },
    ]);
    // To retire the device is to retire its hardware, whatever is named later.
    await ask('POST', at(pi, 'retire'));
    await waitFor('the end of its connection', deadlineMs, () => !client.connected);
    await ask('POST', at(pi, 'title'), { title: 'An old press' });
    await ask('POST', at(pi, 'rename-sensor'), { sensor: 't1', to: 'temp' });
    expect((await ask('GET', at(pi))).answer).toMatchObject({
      state: 'retired',
      title: 'An old press',
      sensors: { t1: 'temp' },
    });
    expect(await refusal(port, press)).toContain('Not authorized');
  });

  it('takes no name that another one has', async () => {
    const { gateway, port, memory } = await startGateway();
    const ask = await operatorOf(gateway);
    await WireDevice.open(port, oven, ['temp'], epoch);
    await known(ask, oven, 'unknown');
    await waitFor('it was heard', deadlineMs, async () => (await ask('GET', at(oven))).answer['lastSeenUs'] !== null);
    const rename = async (to: unknown, more = {}, device: DeviceId = pi) =>
      (await ask('POST', at(device, 'rename'), { to, ...more })).status;
    expect(await rename('plant1/oven-02')).toBe(409);
    expect(await rename('plant1')).toBe(400);
    expect(await rename('plant1/pi-07')).toBe(409);
    expect(await rename(7)).toBe(400);
    expect((await ask('POST', at(pi, 'dance'))).status).toBe(404);
    expect((await ask('GET', at(pi, 'rename'))).status).toBe(405);
    expect((await ask('GET', at(pi), undefined, 'x')).status).toBe(401);
    expect(memory.records('device-events').filter(({ key }) => key.includes('registration'))).toEqual([]);
    expect(await rename('plant1/oven-02', { force: true })).toBe(200);
    expect(await rename('plant1/other', {}, oven)).toBe(409);
    const outcomes = () =>
      memory
        .records('gateway-audit')
        .map(({ value }) => JSON.parse(Buffer.from(value).toString()) as { outcome: string });
    await waitFor('the account', deadlineMs, () => outcomes().filter(({ outcome }) => outcome === 'done').length === 1);
    expect(outcomes().filter(({ outcome }) => outcome === 'refused')).toHaveLength(4);
  });
});

describe('replaced hardware', () => {
  it('has a token of its own; that of the old one is worthless, and its connection is closed', async () => {
    const one = await startGateway();
    const two = await startGateway({ log: one.memory });
    const ask = await operatorOf(one.gateway);
    const old = await WireDevice.open(two.port, press, ['temp'], epoch);
    await old.send(0, 20);
    const { status, answer } = await ask('POST', at(press, 'replace'));
    expect(status).toBe(200);
    expect(answer).toMatchObject({ state: 'adopted', userName: 'plant1/press-07' });
    await waitFor('the end of the old connection', deadlineMs, () => !old.client.connected);
    for (const { port } of [one, two]) expect(await refusal(port, press)).toContain('Not authorized');
    const password = answer['token'] as string;
    const next = await WireDevice.open(two.port, press, ['temp'], 'f'.repeat(32), password);
    await next.send(1, 21);
    expect(one.memory.records('sensor-readings')).toHaveLength(2);
    expect((await ask('GET', at(press))).answer).not.toHaveProperty('token');
    expect(JSON.stringify(one.memory.records('gateway-audit').map(({ value }) => value.toString()))).not.toContain(
      password,
    );
  });

  it('cannot be told from the old where every name is believed', async () => {
    const { gateway } = await startGateway({ mqtt: { auth: 'none' } });
    expect((await (await operatorOf(gateway))('POST', at(press, 'replace'))).status).toBe(409);
  });
});
