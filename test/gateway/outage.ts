import { expect } from 'vitest';
import { decodePack } from '../../core/contract/pack.js';
import { waitFor } from '../servers/wait-for.js';
import { connectDevice, dataTopic, packOf, startGateway } from './harness.js';

export interface Outage {
  readonly outageMs: number;
  readonly keepaliveS: number;
  readonly devices: number;
  readonly packs: number;
}

/**
 * The log is away for a while, and devices publish all at once: no device may be cut off, or give up because its pings
 * stay unanswered; afterwards all is acknowledged, in order, once.
 */
export async function surviveOutage({ outageMs, keepaliveS, devices, packs }: Outage): Promise<void> {
  const test = await startGateway();
  const names = Array.from({ length: devices }, (_, i) => ({ site: 'plant1', device: `device-${i}` }));
  const clients = await Promise.all(
    names.map((name) => connectDevice(test.port, name, { keepalive: keepaliveS, reschedulePings: false })),
  );
  const closed: string[] = [];
  let pongs = 0;
  clients.forEach((client, i) => {
    client.on('close', () => closed.push(names[i]!.device));
    client.on('packetreceive', ({ cmd }) => void (pongs += cmd === 'pingresp' ? 1 : 0));
  });
  test.log.hold();
  const startedMs = performance.now();
  const acknowledged = names.map(() => [] as number[]);
  const all = names.flatMap((name, i) =>
    Array.from({ length: packs }, (_, seq) =>
      clients[i]!.publishAsync(dataTopic(name), packOf(name, seq), { qos: 1 }).then(() => acknowledged[i]!.push(seq)),
    ),
  );
  await waitFor('all held', 5000, () => test.gateway.status().heldMessages === devices * packs);
  await waitFor('the outage', outageMs + 1000, () => performance.now() - startedMs >= outageMs);
  expect(closed).toEqual([]);
  expect(acknowledged.flat()).toEqual([]);
  expect(pongs).toBeGreaterThanOrEqual(devices * Math.floor(outageMs / 1000 / keepaliveS - 1));
  expect(test.gateway.status().heldBytes).toBeLessThan(devices * packs * 400);
  test.log.release();
  await Promise.all(all);
  const expected = Array.from({ length: packs }, (_, seq) => seq);
  for (const [i, name] of names.entries()) {
    expect(acknowledged[i]).toEqual(expected);
    const stored = test.memory.records('sensor-readings').filter(({ key }) => key === `plant1/${name.device}`);
    expect(stored.map(({ value }) => decodePack(value).seq)).toEqual(expected);
  }
  expect(closed).toEqual([]);
  expect(test.gateway.status()).toMatchObject({ heldMessages: 0, heldBytes: 0, connections: devices });
}
