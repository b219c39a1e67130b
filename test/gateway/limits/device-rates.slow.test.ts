import { describe, expect, it } from 'vitest';
import { decodePack } from '../../../core/contract/pack.js';
import { createLogger } from '../../../core/runtime/logger.js';
import { deviceToken } from '../../../core/runtime/device-token.js';
import { waitFor } from '../../servers/wait-for.js';
import {
  connectDevice,
  dataTopic,
  oven,
  packOf,
  press,
  RawSocket,
  secret,
  startGateway,
  type TestGateway,
} from '../harness.js';
import { connectPacket, publishPacket } from '../mqtt-bytes.js';

const seqsOf = ({ memory }: TestGateway, key: string) =>
  memory
    .records('sensor-readings')
    .filter((record) => record.key === key)
    .map(({ value }) => decodePack(value).seq);

const upTo = (end: number) => Array.from({ length: end }, (_, i) => i);

const counter = async ({ registry }: TestGateway, name: string) =>
  (await registry.getSingleMetric(`fieldline_gateway_${name}`)!.get()).values[0]!.value;

describe('a device that sends faster than it may', () => {
  it('is read no faster: nothing is lost or reordered, and nobody else waits', async () => {
    const lines: string[] = [];
    const logger = createLogger({ level: 'warn', destination: { write: (line) => void lines.push(line) } });
    const test = await startGateway({ limits: { deviceMessagesPerSecond: 50 }, logger });
    const fast = await connectDevice(test.port, press);
    const slow = await connectDevice(test.port, oven);
    const startedMs = performance.now();
    let fastIsDone = false;
    const all = Promise.all(
      upTo(150).map((seq) => fast.publishAsync(dataTopic(press), packOf(press, seq), { qos: 1 })),
    );
    const fastMs = all.then(() => {
      fastIsDone = true;
      return performance.now() - startedMs;
    });
    for (const seq of upTo(20)) await slow.publishAsync(dataTopic(oven), packOf(oven, seq), { qos: 1 });
    expect(fastIsDone).toBe(false);
    // A second's worth at once, and two seconds for the rest.
    expect(await fastMs).toBeGreaterThan(1900);
    expect(seqsOf(test, 'plant1/press-07')).toEqual(upTo(150));
    expect(seqsOf(test, 'plant1/oven-02')).toEqual(upTo(20));
    expect(test.gateway.status()).toMatchObject({ heldMessages: 0, heldBytes: 0, refused: {}, connections: 2 });
    expect(await counter(test, 'throttled_total')).toBeGreaterThan(0);
    expect(await counter(test, 'throttled_connections')).toBe(0);
    expect(lines.join()).toContain('sends faster than it may');
  });

  it('is held to its bytes as well, over all its connections together', async () => {
    const test = await startGateway({ limits: { deviceBytesPerSecond: 50_000 } });
    const clients = [
      await connectDevice(test.port, press, { clientId: 'one' }),
      await connectDevice(test.port, press, { clientId: 'two' }),
    ];
    const pack = packOf(press, 0, 200, 'identity');
    const count = Math.ceil(150_000 / pack.length);
    const startedMs = performance.now();
    await Promise.all(upTo(count).map((i) => clients[i % 2]!.publishAsync(dataTopic(press), pack, { qos: 1 })));
    expect(performance.now() - startedMs).toBeGreaterThan(1500);
    expect(test.memory.records('sensor-readings')).toHaveLength(count);
  });

  it('is not cut off while it waits, at the shortest keepalive', async () => {
    const test = await startGateway({ limits: { deviceBytesPerSecond: 10_000 } });
    const raw = await RawSocket.open(test.port);
    raw.write(connectPacket({ device: press, password: deviceToken(secret, press), keepaliveS: 1 }));
    await waitFor('CONNACK', 5000, () => raw.received.length === 4);
    const pack = packOf(press, 0, 1000, 'identity');
    const startedMs = performance.now();
    // The first owes seconds to the second, and the second to the ping behind it.
    raw.write(publishPacket(dataTopic(press), pack, 1, 1), publishPacket(dataTopic(press), pack, 1, 2));
    await waitFor('both PUBACKs', 60_000, () => raw.received.length === 12);
    expect(performance.now() - startedMs).toBeGreaterThan(((pack.length - 10_000) / 10_000) * 900);
    expect(raw.ended).toBe(false);
    expect(test.gateway.status().refused).toEqual({});
  });
});
