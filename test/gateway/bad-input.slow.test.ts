import { deflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { mqttTopic, type UpTopic } from '../../core/contract/mqtt-topics.js';
import { deviceToken } from '../../core/runtime/device-token.js';
import { pause, waitFor } from '../servers/wait-for.js';
import { connectDevice, dataTopic, oven, packOf, press, RawSocket, secret, startGateway } from './harness.js';
import { connectPacket, packet } from './mqtt-bytes.js';

const mib = 1024 * 1024;
const text = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const head = JSON.parse(packOf(press, 0, 1, 'identity').toString())[0] as Record<string, unknown>;
const window = { count: 2, min: 1, max: 2, first: 1, last: 2 };

describe('a bad payload is set aside with its reason and its bytes, and acknowledged', () => {
  const cases: [name: string, kind: UpTopic, payload: Buffer, reason: string][] = [
    ['a bomb', 'data', deflateSync(Buffer.alloc(50 * mib)), 'too-large'],
    ['an oversized payload', 'data', Buffer.alloc(mib + 1, '['), 'too-large'],
    ['nothing', 'data', Buffer.alloc(0), 'bad-coding'],
    ['raw bytes', 'data', Buffer.of(0, 1, 2, 3), 'bad-coding'],
    ['a torn zlib stream', 'data', packOf(press, 0).subarray(0, 60), 'bad-coding'],
    ['bad UTF-8', 'data', Buffer.concat([Buffer.from('[{"n":"'), Buffer.of(0xff), Buffer.from('"}]')]), 'bad-coding'],
    ['no JSON', 'data', Buffer.from('[{"bn":'), 'not-json'],
    ['no pack', 'data', text([]), 'schema'],
    ['a number that is infinite', 'data', Buffer.from('[{"n":"a","v":1e999}]'), 'schema'],
    ['the pack of another device', 'data', packOf(oven, 0), 'wrong-identity'],
    ['a pack of a later format', 'data', text([{ ...head, bfmt: 3, new_: 1 }]), 'version'],
    ['a time that no clock shows', 'data', text([{ ...head, bt: 1e300 }]), 'schema'],
    ['a sum that is infinite', 'data', text([{ ...head, bv: 1e308, v: 1e308 }]), 'schema'],
    ['a window without width', 'data', text([{ ...head, ...window, span: 1e-9 }]), 'schema'],
    ['a window without end', 'data', text([{ ...head, ...window, span: 1e300 }]), 'schema'],
    ['a label that must be understood', 'data', text([{ ...head, secret_: 1 }]), 'unknown-label'],
    ['a time relative to its receipt', 'data', text([{ ...head, bt: -5 }]), 'relative-time'],
    ['an alert that is none', 'alert', text({ alerts: [] }), 'schema'],
    ['a state that is none', 'state', Buffer.from('offline'), 'not-json'],
  ];

  it.each(cases)('%s', async (_name, kind, payload, reason) => {
    const test = await startGateway();
    const client = await connectDevice(test.port, press);
    const topic = mqttTopic(press, kind);
    await client.publishAsync(topic, payload, { qos: 1 });
    const letters = test.memory.records('dead-letters');
    expect(letters).toHaveLength(1);
    expect(letters[0]).toMatchObject({
      key: 'plant1/press-07',
      headers: { reason, stage: 'gateway', source: topic, receivedUs: expect.stringMatching(/^\d{16}$/) },
    });
    expect(letters[0]!.headers!['detail']!.length).toBeGreaterThan(5);
    // What is far too large is cut on its way in; here it is just small enough to be kept whole.
    expect(Buffer.compare(letters[0]!.value, payload)).toBe(0);
    await client.publishAsync(dataTopic(press), packOf(press, 1), { qos: 1 });
    const data = kind === 'data' ? 1 : 0;
    expect(test.gateway.status().readings).toMatchObject({ in: 3 + data, out: 3, dropped: data, inFlight: 0 });
    expect(test.gateway.status().messages).toEqual({ 'dead-letter': 1, pack: 1 });
    expect(client.connected).toBe(true);
  });

  it('of a payload of many megabytes the beginning is kept, and the device goes on', async () => {
    const test = await startGateway();
    const client = await connectDevice(test.port, press);
    const huge = Buffer.alloc(20 * mib, packOf(press, 0, 1, 'identity'));
    const sent = client.publishAsync(dataTopic(press), huge, { qos: 1 });
    await client.publishAsync(dataTopic(press), packOf(press, 1), { qos: 1 });
    await sent;
    const [letter] = test.memory.records('dead-letters');
    expect(letter!.headers).toMatchObject({ reason: 'too-large' });
    expect(letter!.value.byteLength).toBeGreaterThan(mib);
    expect(letter!.value.byteLength).toBeLessThan(mib + 2048);
    expect(Buffer.compare(letter!.value, huge.subarray(0, letter!.value.byteLength))).toBe(0);
    expect(test.memory.records('sensor-readings')).toHaveLength(1);
  });

  it('a dead letter waits for the log like anything else', async () => {
    const test = await startGateway();
    const client = await connectDevice(test.port, press);
    test.log.hold();
    let acknowledged = 0;
    const all = [Buffer.from('bad'), packOf(press, 1), Buffer.from('worse')].map((payload) =>
      client.publishAsync(dataTopic(press), payload, { qos: 1 }).then(() => (acknowledged += 1)),
    );
    await waitFor('the append', 2000, () => test.log.held === 1);
    expect(acknowledged).toBe(0);
    test.log.release();
    await Promise.all(all);
    expect(test.log.appends.map(({ topic }) => topic)).toEqual(['dead-letters', 'sensor-readings', 'dead-letters']);
  });
});

describe('bytes that are not MQTT end their connection and nothing else', () => {
  const connected = connectPacket({ device: press, password: deviceToken(secret, press) });
  const cases: [name: string, bytes: Buffer, reason: string][] = [
    ['an HTTP request', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'), 'protocol-error'],
    ['a CONNECT of garbage', packet(0x10, Buffer.from('garbage that is no protocol name')), 'protocol-error'],
    ['an empty CONNECT', packet(0x10, Buffer.alloc(0)), 'protocol-error'],
    ['a CONNECT with the reserved flag', Buffer.from('100c00044d515454040300050000', 'hex'), 'protocol-error'],
    ['a CONNECT that is too long', packet(0x10, Buffer.alloc(70_000)), 'packet-too-large'],
    ['a packet before CONNECT', Buffer.of(0xc0, 0), 'protocol-error'],
    ['a length without end', Buffer.of(0x10, 0xff, 0xff, 0xff, 0xff, 0xff), 'protocol-error'],
    ['a second CONNECT', Buffer.concat([connected, connected]), 'protocol-error'],
    ['a packet type that is reserved', Buffer.concat([connected, Buffer.of(0xf0, 0)]), 'protocol-error'],
    [
      'a PUBLISH of QoS 3',
      Buffer.concat([connected, packet(0x36, Buffer.from('000161000161', 'hex'))]),
      'protocol-error',
    ],
    [
      'a PUBLISH without its topic',
      Buffer.concat([connected, packet(0x32, Buffer.of(0xff, 0xff, 0x61))]),
      'protocol-error',
    ],
    [
      'a SUBSCRIBE that is too long',
      Buffer.concat([connected, packet(0x82, Buffer.alloc(70_000))]),
      'packet-too-large',
    ],
    [
      'a SUBSCRIBE without its flags',
      Buffer.concat([connected, packet(0x80, Buffer.from('00010001610000', 'hex'))]),
      'protocol-error',
    ],
  ];

  it.each(cases)('%s', async (_name, bytes, reason) => {
    const test = await startGateway();
    const raw = await RawSocket.open(test.port);
    raw.write(bytes);
    await waitFor('the end', 2000, () => raw.ended);
    expect(test.gateway.status().refused).toEqual({ [reason]: 1 });
    await waitFor('no connection', 2000, () => test.gateway.status().connections === 0);
    expect(test.gateway.status()).toMatchObject({ heldBytes: 0, heldMessages: 0 });
    const client = await connectDevice(test.port, press);
    await client.publishAsync(dataTopic(press), packOf(press, 0), { qos: 1 });
  });

  it('a connection that does not say who it is, byte for byte, ends in time', async () => {
    const test = await startGateway({ limits: { connectTimeoutMs: 500 } });
    const [silent, slow] = [await RawSocket.open(test.port), await RawSocket.open(test.port)];
    for (const byte of connected.subarray(0, 10)) {
      slow.write(Buffer.of(byte));
      await pause(20);
    }
    await waitFor('the end of both', 3000, () => silent.ended && slow.ended);
    expect(test.gateway.status().refused).toEqual({ 'connect-timeout': 2 });
  });

  it('connections beyond the limit are turned away, and counted', async () => {
    const test = await startGateway({ limits: { maxConnections: 3 } });
    const all = await Promise.all(Array.from({ length: 6 }, () => RawSocket.open(test.port)));
    await waitFor('three ends', 2000, () => all.filter(({ ended }) => ended).length === 3);
    expect(test.gateway.status()).toMatchObject({ connections: 3, refused: { 'connection-limit': 3 } });
  });

  it('a device that is gone without a word is noticed after 1.5 × keepalive', async () => {
    const test = await startGateway();
    const raw = await RawSocket.open(test.port);
    raw.write(connectPacket({ device: press, password: deviceToken(secret, press), keepaliveS: 1 }));
    await waitFor('CONNACK', 1000, () => raw.received.length === 4);
    await waitFor('the end', 3000, () => raw.ended);
    expect(test.gateway.status().refused).toEqual({ keepalive: 1 });
  });
});

describe('one bad device holds back no other', () => {
  it.each([
    ['bombs', () => deflateSync(Buffer.alloc(mib - 10, ' '))],
    ['slow packs', () => packOf(press, 0, 4000, 'zlib')],
    ['random bytes', () => Buffer.alloc(30_000, 0x7b)],
  ])('%s', async (_name, make) => {
    const test = await startGateway();
    const bad = await connectDevice(test.port, press);
    const good = await connectDevice(test.port, oven);
    const payload = make();
    let stop = false;
    const flood = Array.from({ length: 16 }, async () => {
      while (!stop) await bad.publishAsync(dataTopic(press), payload, { qos: 1 });
    });
    const latencies: number[] = [];
    for (let seq = 0; seq < 9; seq += 1) {
      const startedMs = performance.now();
      await good.publishAsync(dataTopic(oven), packOf(oven, seq), { qos: 1 });
      latencies.push(performance.now() - startedMs);
    }
    stop = true;
    await Promise.all(flood);
    // Both clients share this process with the gateway, so their own work is in here as well.
    expect(latencies.sort((a, b) => a - b)[4]).toBeLessThan(3000);
  });
});
