import { expect, test } from 'vitest';
import { logTopics } from '../../../core/contract/log-topics.js';
import { silentLogger } from '../../../core/runtime/logger.js';
import { Registry } from 'prom-client';
import { systemClock } from '../../../core/runtime/clock.js';
import { createGateway, gatewayConfigSchema } from '../../../gateway/main.js';
import { MemoryLog } from '../../support/memory-log.js';
import { tempDir } from '../../support/temp-dir.js';
import { waitFor } from '../../servers/wait-for.js';
import { connectDevice, dataTopic, packOf, press, secret, startGateway } from '../harness.js';

test('with a spool for all, devices are acknowledged while the log is away', async () => {
  const { gateway, log, memory, port } = await startGateway({
    spool: { enabled: true, for: 'all', directory: await tempDir() },
  });
  const client = await connectDevice(port, press);
  log.hold();
  for (let seq = 0; seq < 20; seq += 1) await client.publishAsync(dataTopic(press), packOf(press, seq), { qos: 1 });
  expect(memory.records(logTopics.readings.name)).toEqual([]);
  expect(gateway.status()).toMatchObject({ readings: { in: 60, out: 60 }, spool: { in: 20, out: 0, pending: 20 } });
  log.release();
  await waitFor('all is in the log', 20_000, () => gateway.status().spool!.pending === 0);
  const packs = memory.records(logTopics.readings.name);
  expect(packs.map(({ value }) => Buffer.from(value))).toEqual(
    Array.from({ length: 20 }, (_, seq) => packOf(press, seq)),
  );
});

test('with a spool for foreign senders only, our devices wait for the log', async () => {
  const { gateway, log, port } = await startGateway({ spool: { enabled: true, directory: await tempDir() } });
  const client = await connectDevice(port, press);
  log.hold();
  const acknowledged = client.publishAsync(dataTopic(press), packOf(press, 0), { qos: 1 });
  await waitFor('it waits', 20_000, () => log.held > 0);
  expect(gateway.status()).toMatchObject({ readings: { inFlight: 3 }, spool: { in: 0 } });
  log.release();
  await acknowledged;
});

test('a spool without a place is a fault of the configuration', () => {
  const config = gatewayConfigSchema.parse({ mqtt: { port: 0 }, spool: { enabled: true } });
  const seams = { log: new MemoryLog(), clock: systemClock, logger: silentLogger, registry: new Registry(), secret };
  expect(() => createGateway(config, seams)).toThrow(expect.objectContaining({ code: 'bad-config' }) as Error);
});
