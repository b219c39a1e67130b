import { describe, expect, it } from 'vitest';
import { decodePack } from '../../core/contract/pack.js';
import { waitFor } from '../servers/wait-for.js';
import { connectDevice, press, startGateway, type TestGateway } from './harness.js';
import { decode, encode, startMs } from './intake/foreign/sparkplug/edge.js';

const sources = [{ type: 'sparkplug', writers: ['edge-1'], hostId: 'scada' }];

/** A gateway that believes names, and an edge node that reads what it is told. */
async function connectEdge() {
  const test = await startGateway({ mqtt: { auth: 'none' }, sources });
  const client = await connectDevice(test.port, press, { username: 'edge-1', password: '', clientId: 'edge-1' });
  const heard: [topic: string, payload: Buffer, retained: boolean][] = [];
  client.on('message', (topic, payload, { retain }) => heard.push([topic, payload, retain]));
  await client.subscribeAsync(['spBv1.0/STATE/scada', 'spBv1.0/plant1/NCMD/press'], { qos: 1 });
  return { test, client, heard };
}

const packs = ({ memory }: TestGateway) => memory.records('sensor-readings').map(({ value }) => decodePack(value));
const letters = ({ memory }: TestGateway) => memory.records('dead-letters').map(({ headers }) => headers!['reason']);

describe('the gateway as a host of Sparkplug', () => {
  it('says that it is there, to those who come later too, and that it goes', async () => {
    const { test, heard } = await connectEdge();
    const states = () => heard.map(([, payload]) => JSON.parse(payload.toString()) as { timestamp: number });
    await waitFor('its state', 10_000, () => states().length === 1);
    expect(heard[0]![2]).toBe(true);
    const [{ timestamp }] = states() as [{ timestamp: number }];
    expect(states()).toEqual([{ online: true, timestamp }]);
    expect(Math.abs(timestamp - Date.now())).toBeLessThan(600_000);
    await test.gateway.stop(1000);
    await waitFor('its end', 10_000, () => states().length === 2);
    expect(states()[1]).toEqual({ online: false, timestamp });
  });

  it('asks for the birth that data lacks, keeps the data as a dead letter, and takes what comes after the birth', async () => {
    const { test, client, heard } = await connectEdge();
    const asked = () => heard.filter(([topic]) => topic === 'spBv1.0/plant1/NCMD/press');
    const data = (value: number, seq: number) =>
      Buffer.from(
        encode({ timestamp: startMs, seq, metrics: [{ alias: 1, type: 'Double', value, timestamp: startMs + seq }] }),
      );
    await client.publishAsync('spBv1.0/plant1/NDATA/press', data(20, 7), { qos: 1 });
    expect(letters(test)).toEqual(['unknown-metric']);
    await waitFor('the rebirth request', 10_000, () => asked().length === 1);
    const [, payload, retained] = asked()[0]!;
    expect(retained).toBe(false);
    expect(decode(payload).metrics).toMatchObject([{ name: 'Node Control/Rebirth', value: true }]);

    const named = { name: 'temp', alias: 1, type: 'Double', value: 21, timestamp: startMs } as const;
    const birth = Buffer.from(encode({ timestamp: startMs, seq: 0, metrics: [named] }));
    await client.publishAsync('spBv1.0/plant1/NBIRTH/press', birth, { qos: 1 });
    await client.publishAsync('spBv1.0/plant1/NDATA/press', data(22, 1), { qos: 1 });
    const stored = packs(test).flatMap(({ site, device, points }) =>
      points.map(({ sensor, value }) => [site, device, sensor, value]),
    );
    expect(stored).toEqual([
      ['plant1', 'press', 'temp', 21],
      ['plant1', 'press', 'temp', 22],
    ]);
    expect(packs(test).map(({ seq }) => seq)).toEqual([0, 1]);
    expect([letters(test).length, asked().length]).toEqual([1, 1]);
  });
});
