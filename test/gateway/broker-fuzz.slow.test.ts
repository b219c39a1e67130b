import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { deviceToken } from '../../core/runtime/device-token.js';
import { waitFor } from '../servers/wait-for.js';
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
} from './harness.js';
import { connectPacket, packet, publishPacket, subscribePacket } from './mqtt-bytes.js';
import { PlainClient } from './mqtt-client.js';

/** The same bytes in every run. */
function* chances(seed: string): Generator<number, never> {
  for (let block = 0; ; block += 1) yield* createHash('sha256').update(`${seed} ${block}`).digest();
}

const limits = { maxPayloadBytes: 64 * 1024, maxDeviceHeldBytes: 256 * 1024, maxHeldBytes: 1024 * 1024 };

/** Writes so many connections full of what `make` gives, some bytes of it damaged, and ends them in one way or another. */
async function flood(test: TestGateway, rounds: number, make: (next: (below: number) => number) => Buffer) {
  const chance = chances('fieldline');
  const next = (below: number): number => ((chance.next().value << 8) | chance.next().value) % below;
  const neighbour = await connectDevice(test.port, oven, { clientId: 'neighbour' });
  for (let round = 1; round <= rounds; round += 1) {
    const raw = await RawSocket.open(test.port);
    const bytes = Buffer.concat([make(next), Buffer.from(Array.from({ length: next(300) }, () => next(256)))]);
    for (let i = next(4); i > 0; i -= 1) bytes[next(bytes.length + 1)] = next(256);
    raw.write(bytes);
    if (next(2) === 0) raw.socket.end();
    else raw.socket.resetAndDestroy();
    expect(test.gateway.status().heldBytes).toBeLessThanOrEqual(limits.maxHeldBytes);
    if (round % 10 === 0) await neighbour.publishAsync(dataTopic(oven), packOf(oven, round), { qos: 1 });
  }
  await waitFor('only the neighbour', 30_000, () => test.gateway.status().connections === 1);
  await waitFor('nothing held', 30_000, () => test.gateway.status().heldMessages === 0);
  expect(test.gateway.status()).toMatchObject({ heldBytes: 0, devicesInWork: 0 });
  const stored = test.memory.records('sensor-readings').filter(({ key }) => key === 'plant1/oven-02');
  expect(stored).toHaveLength(Math.floor(rounds / 10));
  expect(neighbour.connected).toBe(true);
}

it('random and damaged bytes on the port harm neither the gateway nor a neighbour', async () => {
  const test = await startGateway({ limits: { ...limits, maxDeviceConnections: 50 } });
  const connected = connectPacket({ device: press, password: deviceToken(secret, press), clientId: '' });
  await flood(test, 200, (next) =>
    Buffer.concat([
      ...(next(4) === 0 ? [] : [connected]),
      ...Array.from({ length: next(6) }, () => publishPacket(dataTopic(press), packOf(press, next(99)), 1, next(99))),
    ]),
  );
});

it('nor do they where everybody may connect, publish, subscribe and leave sessions', async () => {
  const routing = { maxSessions: 20, maxQueuedMessages: 10, maxQueuedBytes: 20_000, maxRetainedMessages: 20 };
  const mqtt = { auth: 'none', anonymous: true, acl: 'open' };
  const test = await startGateway({ mqtt, routing, limits: { ...limits, maxDeviceConnections: 50 } });
  const topics = ['a', 'a/b', '/a', '$a/b', 'a/+', '#', '+/+', '$SYS/x', 'fieldline/#', dataTopic(press), ''];
  const any = (next: (below: number) => number): string => topics[next(topics.length)]!;
  const retained = (bytes: Buffer): Buffer => Buffer.concat([Buffer.of(bytes[0]! | 1), bytes.subarray(1)]);
  await flood(test, 200, (next) => {
    const qos = () => next(3) as 0 | 1 | 2;
    const will = { topic: any(next), payload: 'gone', retain: next(2) === 0 };
    const makers = [
      () => publishPacket(any(next), Buffer.alloc(next(500)), qos(), next(9)),
      () => retained(publishPacket(`r/${next(99)}`, Buffer.alloc(next(500)), qos(), next(9))),
      () => subscribePacket([any(next), any(next)], qos(), next(9)),
      // The answers and releases of messages that may be open or not.
      () => packet([0x40, 0x50, 0x62, 0x70][next(4)]!, Buffer.of(0, next(9))),
    ];
    return Buffer.concat([
      connectPacket({
        clientId: next(5) === 0 ? '' : `client-${next(60)}`,
        clean: next(3) === 0,
        ...(next(2) === 0 && { will }),
      }),
      ...Array.from({ length: next(12) }, () => makers[next(makers.length)]!()),
    ]);
  });
  // While they were connected there may have been more; the next one makes room.
  const late = new PlainClient(test.port, 'late');
  await late.connect({ clean: false });
  await late.subscribe(['late', 1]);
  const value = async (name: string) =>
    (await test.registry.getSingleMetric(`fieldline_gateway_${name}`)!.get()).values[0]!.value;
  expect(await value('sessions')).toBeLessThanOrEqual(20);
  expect(await value('queued_bytes')).toBeLessThanOrEqual(20_000);
  expect(await value('queued_messages')).toBeLessThanOrEqual(200);
  expect(await value('retained_messages')).toBeLessThanOrEqual(20);
  // It still does all that an open gateway does.
  const [reader, writer] = [new PlainClient(test.port, 'reader'), new PlainClient(test.port, 'writer')];
  await reader.connect();
  await reader.subscribe(['fresh/+', 2]);
  await writer.connect();
  for (const qos of [0, 1, 2] as const) await writer.publish('fresh/1', String(qos), qos);
  expect((await reader.receive(3)).map(({ payload }) => payload)).toEqual(['0', '1', '2']);
});

it('two hundred devices at once', async () => {
  const test = await startGateway();
  const devices = Array.from({ length: 200 }, (_, i) => ({ site: 'plant1', device: `device-${i}` }));
  const clients = await Promise.all(devices.map((device) => connectDevice(test.port, device)));
  const all = clients.flatMap((client, i) =>
    Array.from({ length: 10 }, (_, seq) =>
      client.publishAsync(dataTopic(devices[i]!), packOf(devices[i]!, seq), { qos: 1 }),
    ),
  );
  await Promise.all(all);
  expect(test.memory.records('sensor-readings')).toHaveLength(2000);
  expect(test.gateway.status()).toMatchObject({
    connections: 200,
    heldMessages: 0,
    refused: {},
    readings: { in: 6000, out: 6000, dropped: 0, inFlight: 0 },
  });
});
