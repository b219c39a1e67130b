import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { deviceToken } from '../../core/runtime/device-token.js';
import { waitFor } from '../servers/wait-for.js';
import { connectDevice, dataTopic, oven, packOf, press, RawSocket, secret, startGateway } from './harness.js';
import { connectPacket, publishPacket } from './mqtt-bytes.js';

/** The same bytes in every run. */
function* chances(seed: string): Generator<number, never> {
  for (let block = 0; ; block += 1) yield* createHash('sha256').update(`${seed} ${block}`).digest();
}

it('random and damaged bytes on the port harm neither the gateway nor a neighbour', async () => {
  const limits = { maxPayloadBytes: 64 * 1024, maxDeviceHeldBytes: 256 * 1024, maxHeldBytes: 1024 * 1024 };
  const test = await startGateway({ limits: { ...limits, maxDeviceConnections: 50 } });
  const neighbour = await connectDevice(test.port, oven);
  const chance = chances('fieldline');
  const next = (below: number): number => ((chance.next().value << 8) | chance.next().value) % below;
  const connected = connectPacket({ device: press, password: deviceToken(secret, press), clientId: '' });
  const startedMs = performance.now();
  let seq = 0;
  let rounds = 0;
  // A busy machine comes to fewer rounds in the time.
  while (rounds <= 100 || performance.now() - startedMs < 1500) {
    const raw = await RawSocket.open(test.port);
    const bytes = Buffer.concat([
      ...(next(4) === 0 ? [] : [connected]),
      ...Array.from({ length: next(6) }, () => publishPacket(dataTopic(press), packOf(press, next(99)), 1, next(99))),
      Buffer.from(Array.from({ length: next(300) }, () => chance.next().value)),
    ]);
    for (let i = next(4); i > 0; i -= 1) bytes[next(bytes.length + 1)] = chance.next().value;
    raw.write(bytes);
    if (next(2) === 0) raw.socket.end();
    else raw.socket.resetAndDestroy();
    expect(test.gateway.status().heldBytes).toBeLessThanOrEqual(limits.maxHeldBytes);
    if ((rounds += 1) % 10 === 0) {
      await neighbour.publishAsync(dataTopic(oven), packOf(oven, (seq += 1)), { qos: 1 });
    }
  }
  await waitFor('only the neighbour', 5000, () => test.gateway.status().connections === 1);
  await waitFor('nothing held', 2000, () => test.gateway.status().heldMessages === 0);
  expect(test.gateway.status()).toMatchObject({ heldBytes: 0, devicesInWork: 0 });
  expect(rounds).toBeGreaterThan(100);
  const stored = test.memory.records('sensor-readings').filter(({ key }) => key === 'plant1/oven-02');
  expect(stored).toHaveLength(seq);
  expect(neighbour.connected).toBe(true);
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
