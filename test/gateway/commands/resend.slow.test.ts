import { join } from 'node:path';
import { Registry } from 'prom-client';
import { expect, it, onTestFinished } from 'vitest';
import { Ingest } from '../../../cloud/ingest/ingest.js';
import { Parking } from '../../../cloud/ingest/parking.js';
import { Fleet } from '../../../cloud/serve/fleet.js';
import { GapResender } from '../../../cloud/serve/gap-resender.js';
import { mqttTopic } from '../../../core/contract/mqtt-topics.js';
import { systemClock as clock } from '../../../core/runtime/clock.js';
import { silentLogger as logger } from '../../../core/runtime/logger.js';
import { waitFor } from '../../servers/wait-for.js';
import { openStore } from '../../support/open-store.js';
import { tempDir } from '../../support/temp-dir.js';
import { press, startGateway } from '../harness.js';
import { WireDevice } from '../registry/wire-device.js';

const deadlineMs = 30_000;
const epoch = 'c'.repeat(32);
const source = `plant1/press-07/${epoch}`;

it('a pack that the store lacks and the device holds is asked for, and then nothing is missing', async () => {
  const { port, memory: log } = await startGateway();
  const store = await openStore();
  const seams = { log, clock, logger, registry: new Registry() };
  const parking = new Parking({ path: join(await tempDir(), 'parking'), maxBytes: 1e7, maxBytesPerDevice: 1e7 });
  const ingest = new Ingest({ ...seams, store, parking, gatherMs: 2 });
  const fleet = new Fleet({ ...seams, registry: new Registry() });
  for (const part of [ingest, fleet]) {
    await part.start();
    onTestFinished(() => part.stop(1000));
  }
  const device = await WireDevice.open(port, press, ['temp'], epoch);
  const told: string[] = [];
  device.client.on('message', (topic, payload) => {
    told.push(payload.toString());
    const { from, to } = JSON.parse(payload.toString()) as { from: number; to: number };
    for (let seq = from; seq <= to; seq += 1) void device.send(seq, 20 + seq, seq);
    const result = mqttTopic(press, 'result', topic.split('/').at(-1));
    void device.client.publishAsync(result, JSON.stringify({ ok: true, resent: to - from + 1 }), { qos: 1 });
  });
  await device.client.subscribeAsync(mqttTopic(press, 'command', '+'), { qos: 1 });
  await device.send(0, 20);
  device.lose();
  device.lose();
  await device.send(3, 23);
  await device.state('heartbeat');
  const ranges = async () => (await store.ledger()).get(source)?.toString();
  await waitFor('what arrived', deadlineMs, async () => (await ranges()) === '0,3');
  await waitFor('the heartbeat', deadlineMs, () => fleet.device(press)?.lastBeat()?.lastSeq === 3);

  const resender = new GapResender({ ...seams, registry: new Registry(), store, fleet, afterMs: 1 });
  await resender.look();
  await waitFor('the time that a gap must stand', deadlineMs, async () => {
    await resender.look();
    return told.length > 0;
  });
  expect(JSON.parse(told[0]!)).toEqual({ type: 'resend', epoch, from: 1, to: 2 });
  await waitFor('what was missing', deadlineMs, async () => (await ranges()) === '0-3');
  await waitFor('the answer', deadlineMs, () =>
    log.records('device-events').some(({ key }) => key.startsWith('plant1/press-07/command-result/gap-')),
  );
});
