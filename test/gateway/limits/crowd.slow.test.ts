import { describe, expect, it, onTestFinished } from 'vitest';
import { deviceToken } from '../../../core/runtime/device-token.js';
import { waitFor } from '../../servers/wait-for.js';
import { connectDevice, dataTopic, oven, packOf, RawSocket, secret, startGateway } from '../harness.js';
import { connectPacket } from '../mqtt-bytes.js';
import { crowdIn, crowdOf, report, type CrowdOptions } from './crowd.js';
import { startGatewayProcess } from './gateway-process.js';
import { holdIdle } from './idle.js';

async function comeIn(options: CrowdOptions) {
  const crowd = await crowdIn(options);
  onTestFinished(() => crowd.sockets.forEach((socket) => socket.destroy()));
  return crowd;
}

describe('many devices that come back at once', () => {
  it('are served one after the other, none is left out, and those inside go on', async () => {
    const test = await startGateway({ limits: { connectsPerSecond: 150 } });
    const inside = await connectDevice(test.port, oven);
    const devices = crowdOf(300);
    let done = false;
    let beats = 0;
    const beating = (async () => {
      for (; !done; beats += 1) await inside.publishAsync(dataTopic(oven), packOf(oven, beats), { qos: 1 });
    })();
    const crowd = await comeIn({ port: test.port, devices });
    done = true;
    await beating;
    console.log(`[crowd] ${report('300 devices at 150/s', crowd)}`);
    expect(crowd).toMatchObject({ turnedAway: 0, lost: 0 });
    // The first are let in at once: a tenth of a second's worth.
    expect(crowd.servedMs.at(-1)).toBeGreaterThan(1800);
    const stored = test.memory.records('sensor-readings');
    expect(new Set(stored.map(({ key }) => key)).size).toBe(301);
    expect(stored).toHaveLength(300 + beats);
    expect(test.gateway.status()).toMatchObject({ connections: 301, heldMessages: 0, refused: {} });
  });

  it('beyond those that may wait are told to come later, and all are served in the end', async () => {
    const test = await startGateway({ limits: { connectsPerSecond: 20, maxWaitingConnects: 5 } });
    const reconnect = { firstMs: 50, maxMs: 500, busyFirstMs: 400, busyMaxMs: 800 };
    const crowd = await comeIn({ port: test.port, devices: crowdOf(60), reconnect });
    console.log(`[crowd] ${report('60 devices at 20/s, 5 may wait', crowd)}`);
    expect(crowd.turnedAway).toBeGreaterThan(0);
    expect(crowd.lost).toBe(0);
    expect(test.gateway.status()).toMatchObject({ connections: 60, refused: { 'connect-rate': crowd.turnedAway } });
    expect(test.memory.records('sensor-readings')).toHaveLength(60);
  });

  it('those that hang up while they wait hold up nobody', async () => {
    const test = await startGateway({ limits: { connectsPerSecond: 1 } });
    const waiting = async () =>
      (await test.registry.getSingleMetric('fieldline_gateway_connects_waiting')!.get()).values[0]!.value;
    const all: RawSocket[] = [];
    for (const device of crowdOf(40)) {
      const raw = await RawSocket.open(test.port);
      raw.write(connectPacket({ device, password: deviceToken(secret, device) }));
      all.push(raw);
    }
    await waitFor('most of them to wait', 10_000, async () => (await waiting()) > 2);
    for (const raw of all.slice(0, 38)) raw.socket.destroy();
    await waitFor('the last two to be let in', 20_000, () =>
      all.slice(38).every(({ received }) => received.length === 4),
    );
    expect(all[39]!.received[3]).toBe(0);
    await waitFor('nobody to wait', 5000, async () => (await waiting()) === 0);
    expect(test.gateway.status().refused).toEqual({});
  });
});

it('two thousand idle connections take little', async () => {
  const gateway = await startGatewayProcess({ mqtt: { port: 0 }, limits: { connectsPerSecond: 5000 } }, secret);
  onTestFinished(() => gateway.end());
  const { kbEach, text } = await holdIdle(gateway, 2000);
  console.log(`[crowd] ${text}`);
  expect(kbEach).toBeLessThan(100);
});
