import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { connectAsync, type MqttClient } from 'mqtt';
import { mqttTopic } from '../../core/contract/mqtt-topics.js';
import { deviceToken } from '../../core/runtime/device-token.js';
import { FailureLimiter } from '../../gateway/broker/failure-limiter.js';
import { loadSecret } from '../../gateway/main.js';
import { waitFor } from '../servers/wait-for.js';
import { connectDevice, dataTopic, oven, packOf, press, RawSocket, secret, startGateway } from './harness.js';
import { connectPacket, publishPacket, type ConnectFields } from './mqtt-bytes.js';

const token = deviceToken(secret, press);
const own = (kind: string) => `fieldline/plant1/press-07/${kind}`;

describe('who may connect', () => {
  const cases: [name: string, fields: ConnectFields, code: number, reason?: string][] = [
    ['the device with its token', { device: press, password: token }, 0],
    ['MQTT 3.1', { device: press, password: token, protocol: 'MQIsdp', level: 3 }, 0],
    ['an empty client id with a clean session', { device: press, password: token, clientId: '' }, 0],
    ['a session to be kept', { device: press, password: token, clean: false }, 0],
    ['a will of its own', { device: press, password: token, will: { topic: own('state'), payload: '{}' } }, 0],
    ['an empty client id without', { device: press, password: token, clientId: '', clean: false }, 2, 'client-id'],
    ['a client id of bad UTF-8', { device: press, password: token, clientId: Buffer.of(0xc3, 0x28) }, 2, 'client-id'],
    ['a client id with a NUL', { device: press, password: token, clientId: 'a\0b' }, 2, 'client-id'],
    ['MQTT 5', { device: press, password: token, level: 5 }, 1, 'protocol-version'],
    ['nobody', {}, 4, 'bad-user-name'],
    ['a user name that names no device', { userName: 'admin', password: 'admin' }, 4, 'bad-user-name'],
    ['a user name of bad UTF-8', { userName: Buffer.of(0xff, 0x2f, 0x61), password: token }, 4, 'bad-user-name'],
    ['the token of another device', { device: oven, password: token }, 5, 'unauthorised'],
    ['no password', { device: press }, 5, 'unauthorised'],
    ['a password that is too long', { device: press, password: `${token}x` }, 5, 'unauthorised'],
    [
      "a will on another's topic",
      { device: press, password: token, will: { topic: mqttTopic(oven, 'state'), payload: '{}' } },
      5,
      'forbidden-will',
    ],
    [
      'a will to be retained',
      { device: press, password: token, will: { topic: own('state'), payload: '{}', retain: true } },
      5,
      'forbidden-will',
    ],
  ];

  it.each(cases)('%s', async (_name, fields, code, reason) => {
    const test = await startGateway();
    const raw = await RawSocket.open(test.port);
    raw.write(connectPacket(fields));
    await waitFor('CONNACK', 2000, () => raw.received.length >= 4);
    expect([...raw.received]).toEqual([0x20, 2, 0, code]);
    if (code !== 0) await waitFor('the end', 2000, () => raw.ended);
    expect(test.gateway.status().refused).toEqual(reason === undefined ? {} : { [reason]: 1 });
  });

  it('a connection takes over from one with the same client id and device, and from no other', async () => {
    const test = await startGateway();
    const first = await connectDevice(test.port, press, { clientId: 'same' });
    const other = await connectDevice(test.port, oven, { clientId: 'same' });
    let [firstClosed, otherClosed] = [false, false];
    first.on('close', () => (firstClosed = true));
    other.on('close', () => (otherClosed = true));
    const second = await connectDevice(test.port, press, { clientId: 'same' });
    await waitFor('the take-over', 2000, () => firstClosed);
    await second.publishAsync(dataTopic(press), packOf(press, 0), { qos: 1 });
    await other.publishAsync(dataTopic(oven), packOf(oven, 0), { qos: 1 });
    expect(otherClosed).toBe(false);
    await waitFor('two connections', 2000, () => test.gateway.status().connections === 2);
  });

  it('the oldest of too many connections of one device goes', async () => {
    const test = await startGateway({ limits: { maxDeviceConnections: 2 } });
    const clients: MqttClient[] = [];
    for (const clientId of ['a', 'b', 'c']) clients.push(await connectDevice(test.port, press, { clientId }));
    await waitFor('the first to go', 2000, () => !clients[0]!.connected);
    expect(clients.map(({ connected }) => connected)).toEqual([false, true, true]);
  });

  it('failures of an address are answered late after some, and the right password never', async () => {
    let nowMs = 0;
    const limits = { burst: 3, forgiveMs: 1000, delayMs: 2000, maxAddresses: 2 };
    const limiter = new FailureLimiter(limits, () => nowMs);
    expect([1, 2, 3, 4, 5].map(() => limiter.fail('a'))).toEqual([0, 0, 0, 2000, 2000]);
    nowMs = 2000;
    expect([1, 2, 3].map(() => limiter.fail('a'))).toEqual([0, 0, 2000]);
    limiter.fail('b');
    limiter.fail('c');
    expect(limiter.fail('a')).toBe(0);

    const test = await startGateway();
    const bad = { username: 'plant1/press-07', password: 'wrong', reconnectPeriod: 0, connectTimeout: 1000 };
    const url = `mqtt://127.0.0.1:${test.port}`;
    for (let i = 0; i < 10; i += 1) await expect(connectAsync(url, bad)).rejects.toThrow(/Not authorized/);
    const raw = await RawSocket.open(test.port);
    raw.write(connectPacket({ device: press, password: 'wrong' }));
    await waitFor('eleven failures', 1000, () => test.gateway.status().refused.unauthorised === 11);
    await connectDevice(test.port, press);
    expect(raw.received).toHaveLength(0);
  });
});

describe('who may write and read what', () => {
  it.each([
    [mqttTopic(oven, 'data'), 'forbidden-topic'],
    [own('config'), 'forbidden-topic'],
    [own('command/1'), 'forbidden-topic'],
    [own('data/extra'), 'forbidden-topic'],
    [own('result'), 'forbidden-topic'],
    ['fieldline/plant1/press-07', 'forbidden-topic'],
    ['other/topic', 'forbidden-topic'],
    ['$SYS/broker/heartbeat', 'forbidden-topic'],
    ['/'.repeat(200), 'protocol-error'],
    ['', 'protocol-error'],
    ['fieldline/+/press-07/data', 'protocol-error'],
    ['fieldline/#', 'protocol-error'],
    [Buffer.from([...Buffer.from(own('data')), 0xff]), 'forbidden-topic'],
  ] as const)('a publish to %s ends the connection', async (topic, reason) => {
    const test = await startGateway();
    const raw = await RawSocket.open(test.port);
    raw.write(connectPacket({ device: press, password: token }), publishPacket(topic, packOf(press, 0), 1));
    await waitFor('the end', 2000, () => raw.ended);
    expect([...raw.received]).toEqual([0x20, 2, 0, 0]);
    expect(test.gateway.status()).toMatchObject({ refused: { [reason]: 1 }, heldBytes: 0, heldMessages: 0 });
    expect(test.log.appends).toEqual([]);
  });

  it('a retained publish ends the connection', async () => {
    const test = await startGateway();
    const raw = await RawSocket.open(test.port);
    const retained = publishPacket(own('data'), packOf(press, 0), 1);
    retained[0]! |= 1;
    raw.write(connectPacket({ device: press, password: token }), retained);
    await waitFor('the end', 2000, () => raw.ended);
    expect(test.gateway.status().refused).toEqual({ retained: 1 });
    expect(test.log.appends).toEqual([]);
  });

  it.each([
    [own('config'), 1],
    [own('command/17'), 1],
    [own('command/+'), 1],
    [own('command/#'), 1],
    [own('data'), 128],
    [own('#'), 128],
    [own('+'), 128],
    [mqttTopic(oven, 'config'), 128],
    ['fieldline/plant1/+/config', 128],
    ['fieldline/#', 128],
    ['#', 128],
    ['$SYS/#', 128],
  ])('a subscription to %s is answered %i', async (topic, granted) => {
    const test = await startGateway();
    const client = await connectDevice(test.port, press);
    let answer: number[] = [];
    client.on('packetreceive', (packet) => {
      if (packet.cmd === 'suback') answer = packet.granted as number[];
    });
    await client.subscribeAsync(topic, { qos: 1 }).catch(() => undefined);
    expect(answer).toEqual([granted]);
    expect(client.connected).toBe(true);
  });

  it('so many topics of its own, and no more, may be read by one connection', async () => {
    const test = await startGateway();
    const client = await connectDevice(test.port, press);
    const topics = Array.from({ length: 101 }, (_, i) => own(`command/${i}`));
    await client.subscribeAsync(topics.slice(0, 100), { qos: 1 });
    await client.subscribeAsync(topics.slice(0, 100), { qos: 1 });
    await client.subscribeAsync(topics[100]!, { qos: 1 }).catch(() => undefined);
    expect(test.gateway.status().refused).toEqual({ 'too-many-subscriptions': 1 });
  });

  it('what a device publishes reaches no other client', async () => {
    const test = await startGateway();
    const reader = await connectDevice(test.port, press, { clientId: 'reader' });
    const heard: string[] = [];
    reader.on('message', (topic) => heard.push(topic));
    await reader.subscribeAsync([own('config'), own('command/#')], { qos: 1 });
    const writer = await connectDevice(test.port, press, { clientId: 'writer' });
    await writer.publishAsync(own('result/1'), '{}', { qos: 1 });
    await writer.publishAsync(own('data'), packOf(press, 0), { qos: 2 });
    await test.gateway.publishCommand(press, 'reboot-1', Buffer.from('{}'));
    await waitFor('the command', 2000, () => heard.length > 0);
    expect(heard).toEqual([own('command/reboot-1')]);
  });

  it('a command goes only to a device that is connected', async () => {
    const test = await startGateway();
    const payload = Buffer.from('{}');
    await expect(test.gateway.publishCommand(press, '1', payload)).rejects.toMatchObject({ code: 'unavailable' });
    await connectDevice(test.port, press);
    await test.gateway.publishCommand(press, '1', payload);
    await expect(test.gateway.publishCommand(press, 'a/b', payload)).rejects.toMatchObject({ code: 'refused' });
  });
});

describe('the secret file', () => {
  async function folder(): Promise<string> {
    const path = await mkdtemp(join(tmpdir(), 'fieldline-secret-'));
    onTestFinished(() => rm(path, { recursive: true }));
    return path;
  }

  it('is made once, for its owner alone, whoever comes first', async () => {
    const path = join(await folder(), 'keys', 'secret');
    const all = await Promise.all(Array.from({ length: 8 }, () => loadSecret(path, { create: true })));
    for (const one of all) expect(Buffer.from(one)).toEqual(await readFile(path));
    expect(all[0]).toHaveLength(32);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await loadSecret(path, { create: false })).toEqual(all[0]);
  });

  it('is refused if it is missing, short or open to others', async () => {
    const path = join(await folder(), 'secret');
    await expect(loadSecret(path, { create: false })).rejects.toMatchObject({ code: 'bad-config' });
    await writeFile(path, 'short', { mode: 0o600 });
    await expect(loadSecret(path, { create: true })).rejects.toThrow(/fewer than 16 bytes/);
    await writeFile(path, 'a'.repeat(32));
    await chmod(path, 0o640);
    await expect(loadSecret(path, { create: true })).rejects.toThrow(/chmod 600/);
  });
});
