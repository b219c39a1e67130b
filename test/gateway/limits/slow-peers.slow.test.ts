import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { mqttTopic } from '../../../core/contract/mqtt-topics.js';
import { systemClock } from '../../../core/runtime/clock.js';
import { deviceToken } from '../../../core/runtime/device-token.js';
import { startTcpProxy } from '../../servers/tcp-proxy.js';
import { pause, waitFor } from '../../servers/wait-for.js';
import { connectDevice, dataTopic, oven, packOf, press, RawSocket, secret, startGateway } from '../harness.js';
import { connectPacket, packet, publishPacket, subscribePacket } from '../mqtt-bytes.js';
import { PlainClient } from '../mqtt-client.js';

const withinMs = 30_000;
const connected = connectPacket({ device: press, password: deviceToken(secret, press), keepaliveS: 0 });
const tlsFile = (name: string): string => fileURLToPath(new URL(`../../fixtures/tls/${name}`, import.meta.url));

/** The clock of the system, that can be moved ahead. */
function jumpingClock() {
  let aheadMs = 0;
  const clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + aheadMs };
  return { clock, jump: (ms: number) => (aheadMs += ms) };
}

describe('a connection that keeps the gateway waiting ends', () => {
  it('a PUBLISH that trickles', async () => {
    const { clock, jump } = jumpingClock();
    const test = await startGateway({ clock });
    const neighbour = await connectDevice(test.port, oven);
    const raw = await RawSocket.open(test.port);
    const slow = publishPacket(dataTopic(press), Buffer.alloc(20_000), 1);
    raw.write(connected, slow.subarray(0, 100));
    await waitFor('the beginning', withinMs, () => test.gateway.status().heldBytes > 20_000);
    for (let i = 100; i < 110; i += 1) {
      raw.write(slow.subarray(i, i + 1));
      await pause(5);
    }
    expect(raw.ended).toBe(false);
    jump(60_000);
    await waitFor('the end', withinMs, () => raw.ended);
    expect(test.gateway.status()).toMatchObject({ refused: { 'slow-packet': 1 }, heldBytes: 0, connections: 1 });
    await neighbour.publishAsync(dataTopic(oven), packOf(oven, 0), { qos: 1 });
  });

  it('a TLS handshake that never ends, whether it began or not', async () => {
    const tls = { key: tlsFile('gateway-key.pem'), cert: tlsFile('gateway-cert.pem') };
    const test = await startGateway({ mqtt: { tls }, limits: { connectTimeoutMs: 400 } });
    const [silent, slow] = [await RawSocket.open(test.port), await RawSocket.open(test.port)];
    // The header of a ClientHello of 300 bytes, and a few of them.
    slow.write(Buffer.of(0x16, 3, 1, 1, 44, 1, 0, 1, 40, 3, 3));
    await waitFor('the end of both', withinMs, () => silent.ended && slow.ended);
    expect(test.gateway.status().refused).toEqual({ tls: 2 });
  });

  it('such a handshake does not hold up the end of the gateway', async () => {
    const tls = { key: tlsFile('gateway-key.pem'), cert: tlsFile('gateway-cert.pem') };
    const test = await startGateway({ mqtt: { tls }, limits: { connectTimeoutMs: 600_000 } });
    const raw = await RawSocket.open(test.port);
    raw.write(Buffer.of(0x16, 3, 1));
    // Another one, so that the first was accepted for certain.
    const other = await RawSocket.open(test.port);
    other.write('GET / HTTP/1.1');
    await waitFor('its end', withinMs, () => other.ended);
    await test.gateway.stop(100);
    await waitFor('the end of the first', withinMs, () => raw.ended);
  });

  it('a CONNECT that is never whole', async () => {
    const test = await startGateway({ limits: { connectTimeoutMs: 400 } });
    const raw = await RawSocket.open(test.port);
    raw.write(connected.subarray(0, connected.length - 1));
    await waitFor('the end', withinMs, () => raw.ended);
    expect(test.gateway.status().refused).toEqual({ 'connect-timeout': 1 });
  });

  it('one whose network is gone without a word', async () => {
    const test = await startGateway();
    const proxy = await startTcpProxy({ target: test.port });
    onTestFinished(() => proxy.stop());
    const raw = await RawSocket.open(proxy.port);
    raw.write(connectPacket({ device: press, password: deviceToken(secret, press), keepaliveS: 1 }));
    await waitFor('CONNACK', withinMs, () => raw.received.length === 4);
    proxy.stall();
    await waitFor('the end', withinMs, () => test.gateway.status().connections === 0);
    expect(test.gateway.status().refused).toEqual({ keepalive: 1 });
  });
});

describe('a client that does not read what it is sent is closed', () => {
  const limits = { maxUnsentBytes: 64 * 1024 };

  it('a device with its commands', async () => {
    const test = await startGateway({ limits });
    const neighbour = await connectDevice(test.port, oven);
    const raw = await RawSocket.open(test.port);
    raw.write(connected, subscribePacket([mqttTopic(press, 'command', '+')], 0));
    await waitFor('SUBACK', withinMs, () => raw.received.length === 4 + 5);
    raw.socket.pause();
    const payload = Buffer.alloc(500_000);
    for (let i = 0; i < 100 && test.gateway.status().refused['slow-reader'] === undefined; i += 1) {
      void test.gateway.publishCommand(press, `c${i}`, payload).catch(() => undefined);
      await pause(10);
    }
    await waitFor('the refusal', withinMs, () => test.gateway.status().refused['slow-reader'] === 1);
    await waitFor('the end', withinMs, () => test.gateway.status().connections === 1);
    await neighbour.publishAsync(dataTopic(oven), packOf(oven, 0), { qos: 1 });
  });

  it('a reader of routed topics, and the others do not wait for it', async () => {
    const mqtt = { auth: 'none', anonymous: true, acl: 'open' };
    const test = await startGateway({ mqtt, limits });
    const raw = await RawSocket.open(test.port);
    raw.write(connectPacket({ clientId: 'deaf', keepaliveS: 0 }), subscribePacket(['#'], 1));
    await waitFor('SUBACK', withinMs, () => raw.received.length === 4 + 5);
    raw.socket.pause();
    const [reader, writer] = [new PlainClient(test.port, 'reader'), new PlainClient(test.port, 'writer')];
    await reader.connect();
    await reader.subscribe(['#', 1]);
    await writer.connect();
    const payload = 'x'.repeat(200_000);
    let sent = 0;
    while (test.gateway.status().refused['slow-reader'] === undefined && sent < 300) {
      await writer.publish('a/b', payload, 1);
      sent += 1;
    }
    expect(test.gateway.status().refused).toEqual({ 'slow-reader': 1 });
    expect(await reader.receive(sent)).toHaveLength(sent);
    await waitFor('the end', withinMs, () => test.gateway.status().connections === 2);
  });

  it('one that only asks, and is not read from meanwhile', async () => {
    const test = await startGateway();
    const raw = await RawSocket.open(test.port);
    raw.write(connected);
    await waitFor('CONNACK', withinMs, () => raw.received.length === 4);
    raw.socket.pause();
    const pings = Buffer.concat(Array.from({ length: 5000 }, () => packet(0xc0, Buffer.alloc(0))));
    raw.write(pings);
    raw.socket.resume();
    await waitFor('all answers', withinMs, () => raw.received.length === 4 + 2 * 5000);
    expect(test.gateway.status().refused).toEqual({});
  });
});
