import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { expect, it, onTestFinished } from 'vitest';
import { logTopics } from '../../core/contract/log-topics.js';
import { decodePack } from '../../core/contract/pack.js';
import { LocalLog } from '../../core/log/local-log.js';
import { systemClock } from '../../core/runtime/clock.js';
import { silentLogger } from '../../core/runtime/logger.js';
import { createGateway, gatewayConfigSchema } from '../../gateway/main.js';
import { waitFor } from '../servers/wait-for.js';
import { connectDevice, dataTopic, oven, packOf, press, secret } from './harness.js';

async function openLog(directory: string): Promise<LocalLog> {
  const log = new LocalLog({ directory, clock: systemClock, logger: silentLogger });
  await log.start();
  await log.ensureTopics(Object.values(logTopics));
  return log;
}

it('what was acknowledged is in the log on disk, in the order of each device', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'fieldline-gateway-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  const log = await openLog(directory);
  const gateway = createGateway(gatewayConfigSchema.parse({ mqtt: { port: 0 } }), {
    ...{ log, clock: systemClock, logger: silentLogger, registry: new Registry(), secret },
  });
  await gateway.start();
  const devices = [press, oven];
  const clients = await Promise.all(devices.map((device) => connectDevice(gateway.address().port, device)));
  const all = Array.from({ length: 200 }, (_, seq) =>
    clients.map((client, i) => client.publishAsync(dataTopic(devices[i]!), packOf(devices[i]!, seq), { qos: 1 })),
  );
  await Promise.all(all.flat());
  await gateway.stop(1000);
  await log.stop(1000);

  const again = await openLog(directory);
  onTestFinished(() => again.stop(1000));
  const seqs = new Map<string, number[]>();
  const tail = await again.tail({
    topics: ['sensor-readings'],
    from: 'beginning',
    onBatch: ({ records }) => {
      for (const { key, value } of records) seqs.set(key, [...(seqs.get(key) ?? []), decodePack(value).seq]);
    },
  });
  await tail.caughtUp;
  await waitFor('both devices', 2000, () => seqs.size === 2);
  const expected = Array.from({ length: 200 }, (_, seq) => seq);
  expect(seqs.get('plant1/press-07')).toEqual(expected);
  expect(seqs.get('plant1/oven-02')).toEqual(expected);
  await tail.stop(1000);
});
