import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { deviceToken } from '../../core/runtime/device-token.js';
import { waitFor } from '../servers/wait-for.js';
import { connectDevice, dataTopic, oven, packOf, press, RawSocket, secret, startGateway } from './harness.js';
import { connectPacket, publishPacket } from './mqtt-bytes.js';
import { surviveOutage } from './outage.js';

describe('while the log is away', () => {
  it('no device is cut off: pings are answered, and one that sends none while it waits is kept as well', async () => {
    await Promise.all([surviveOutage({ outageMs: 2200, keepaliveS: 1, devices: 3, packs: 100 }), waitInSilence(2000)]);
  });

  it('holds no more than the limits, stops reading, and drops nothing', async () => {
    const test = await startGateway({
      limits: { maxDeviceHeldMessages: 20, maxPayloadBytes: 64 * 1024, maxDeviceHeldBytes: 128 * 1024 },
    });
    const greedy = await connectDevice(test.port, press, { keepalive: 1 });
    const modest = await connectDevice(test.port, oven);
    let closed = false;
    greedy.on('close', () => (closed = true));
    test.log.hold();
    const many = Array.from({ length: 2000 }, (_, seq) =>
      greedy.publishAsync(dataTopic(press), packOf(press, seq), { qos: 1 }),
    );
    await waitFor('the limit', 20_000, () => test.gateway.status().blockedConnections === 1);
    expect(test.gateway.status().heldMessages).toBe(20);
    expect(test.gateway.status().heldBytes).toBeLessThan(20 * 400);
    const neighbour = modest.publishAsync(dataTopic(oven), packOf(oven, 0), { qos: 1 });
    await waitFor('the neighbour', 20_000, () => test.gateway.status().heldMessages === 21);
    test.log.release();
    await Promise.all([...many, neighbour]);
    expect(test.memory.records('sensor-readings')).toHaveLength(2001);
    expect(test.gateway.status()).toMatchObject({ heldMessages: 0, heldBytes: 0, blockedConnections: 0 });
    expect(closed).toBe(false);
  });

  it('bounds the bytes of all devices together', async () => {
    const limits = { maxPayloadBytes: 256 * 1024, maxDeviceHeldBytes: 512 * 1024, maxHeldBytes: 1024 * 1024 };
    const test = await startGateway({ limits });
    const devices = Array.from({ length: 8 }, (_, i) => ({ site: 'plant1', device: `d${i}` }));
    const clients = await Promise.all(devices.map((device) => connectDevice(test.port, device)));
    test.log.hold();
    const big = Buffer.alloc(200 * 1024, ' ');
    const all = clients.flatMap((client, i) =>
      [0, 1].map(() => client.publishAsync(dataTopic(devices[i]!), big, { qos: 1 })),
    );
    await waitFor('the limit', 20_000, () => test.gateway.status().blockedConnections >= 3);
    expect(test.gateway.status().heldBytes).toBeLessThanOrEqual(limits.maxHeldBytes);
    test.log.release();
    await Promise.all(all);
    expect(test.memory.records('dead-letters')).toHaveLength(16);
    expect(test.gateway.status().heldBytes).toBe(0);
  });

  it('room is given back by connections that are lost', async () => {
    const test = await startGateway();
    const client = await connectDevice(test.port, press);
    const raw = await RawSocket.open(test.port);
    raw.write(connectPacket({ device: oven, password: deviceToken(secret, oven) }));
    await waitFor('CONNACK', 20_000, () => raw.received.length === 4);
    // Half a packet reserves room for the whole.
    raw.write(publishPacket(dataTopic(oven), Buffer.alloc(1000), 1).subarray(0, 100));
    test.log.hold();
    const publish = client.publishAsync(dataTopic(press), packOf(press, 0), { qos: 1 }).catch(() => undefined);
    await waitFor('both', 20_000, () => test.gateway.status().heldMessages === 2);
    client.end(true);
    raw.socket.destroy();
    await once(raw.socket, 'close');
    await waitFor('the half packet', 20_000, () => test.gateway.status().heldMessages === 1);
    await publish;
    test.log.release();
    await waitFor('the rest', 20_000, () => test.gateway.status().heldBytes === 0);
    expect(test.gateway.status().connections).toBe(0);
  });
});

async function waitInSilence(outageMs: number): Promise<void> {
  const test = await startGateway();
  const raw = await RawSocket.open(test.port);
  raw.write(connectPacket({ device: press, password: deviceToken(secret, press), keepaliveS: 1 }));
  await waitFor('CONNACK', 20_000, () => raw.received.length === 4);
  test.log.hold();
  raw.write(publishPacket(dataTopic(press), packOf(press, 0), 1));
  const startedMs = performance.now();
  await waitFor('more than 1.5 × keepalive', outageMs + 1000, () => performance.now() - startedMs > outageMs);
  expect(raw.ended).toBe(false);
  test.log.release();
  await waitFor('PUBACK', 20_000, () => raw.received.length === 8);
}
