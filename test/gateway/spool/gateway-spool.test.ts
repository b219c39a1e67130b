import { expect, test } from 'vitest';
import { deviceEventKey } from '../../../core/contract/device-events.js';
import { logTopics } from '../../../core/contract/log-topics.js';
import { decodePack } from '../../../core/contract/pack.js';
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

test('with a spool for foreign senders only, those are acknowledged, and our devices wait for the log', async () => {
  const { gateway, log, memory, port } = await startGateway({
    mqtt: { auth: 'none' },
    sources: [{ type: 'line-protocol', topics: ['telegraf/#'], writers: ['telegraf-1'], site: 'hall' }],
    spool: { enabled: true, directory: await tempDir() },
  });
  const [client, foreign] = [
    await connectDevice(port, press),
    await connectDevice(port, press, { username: 'telegraf-1', clientId: 'telegraf-1' }),
  ];
  log.hold();
  const acknowledged = client.publishAsync(dataTopic(press), packOf(press, 0), { qos: 1 });
  await waitFor('it waits', 20_000, () => log.held > 0);
  for (let i = 0; i < 10; i += 1) await foreign.publishAsync('telegraf/a', `m,host=h f=${i}i`, { qos: 1 });
  expect(gateway.status().readings).toMatchObject({ in: 13, out: 10, inFlight: 3 });
  expect(memory.records(logTopics.readings.name)).toEqual([]);
  log.release();
  await acknowledged;
  await waitFor('all is in the log', 20_000, () => gateway.status().spool!.pending === 0);
  const packs = memory.records(logTopics.readings.name).map(({ value }) => decodePack(value));
  const own = packs.filter(({ device }) => device === 'h');
  expect(own.map(({ seq, points: [point] }) => [seq, point!.value])).toEqual(
    Array.from({ length: 10 }, (_, i) => [i, i]),
  );
  const announced = memory.records(logTopics.deviceEvents.name).map(({ key }) => key);
  expect(announced).toContain(deviceEventKey({ site: 'hall', device: 'h' }, 'catalogue', own[0]!.catalogue));
});

test('a spool without a place is a fault of the configuration', () => {
  const config = gatewayConfigSchema.parse({ mqtt: { port: 0 }, spool: { enabled: true } });
  const seams = { log: new MemoryLog(), clock: systemClock, logger: silentLogger, registry: new Registry(), secret };
  expect(() => createGateway(config, seams)).toThrow(expect.objectContaining({ code: 'bad-config' }) as Error);
});
