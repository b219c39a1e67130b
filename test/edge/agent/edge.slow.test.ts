import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import type { DecodedPack } from '../../../core/contract/pack.js';
import { systemClock } from '../../../core/runtime/clock.js';
import { FatalError } from '../../../core/runtime/errors.js';
import { silentLogger } from '../../../core/runtime/logger.js';
import { edgeConfigSchema, type EdgeConfig } from '../../../edge/config.js';
import { createEdge, type Edge } from '../../../edge/main.js';
import { HostSensor } from '../../../edge/sensors/host.js';
import { freePort } from '../../servers/free-port.js';
import { waitFor } from '../../servers/wait-for.js';
import { tempDir } from '../../support/temp-dir.js';
import { ScriptedSensor } from './fakes.js';
import { asSet, RecordingSensor } from './recording-sensor.js';
import { TestGateway } from './test-gateway.js';

const mib = 1024 * 1024;

async function configFor(url: string, over: object = {}): Promise<EdgeConfig> {
  const outbox = { directory: join(await tempDir(), 'outbox'), maxBytes: 32 * mib, reserveBytes: mib };
  // Nothing is marked, so that what arrives must be what was given.
  const channels = { '*': { filters: [] } };
  const device = { site: 'plant1', device: 'press-07', gateway: { url } };
  return edgeConfigSchema.parse({ ...device, outbox, channels, sensors: [], ...over });
}

interface Device {
  readonly edge: Edge;
  readonly given: () => string[];
}

/** A device that reads its host and a building of 150 rooms. */
function device(config: EdgeConfig): Device {
  const host = new RecordingSensor(new HostSensor({ clock: systemClock }));
  const rooms = Array.from({ length: 150 }, (_, i) => `room-${i}.temp`);
  const building = new RecordingSensor(new ScriptedSensor(systemClock, rooms, (n, room) => n + room.length / 7));
  const edge = createEdge(config, {
    clock: systemClock,
    logger: silentLogger,
    registry: new Registry(),
    extraSensors: [
      { name: 'host', sensor: host, intervalMs: 50 },
      { name: 'building', sensor: building, intervalMs: 25 },
    ],
  });
  return { edge, given: () => asSet([...host.given, ...building.given]) };
}

/** One pack of each number; one that came twice must be the same both times. */
function distinct(packs: readonly DecodedPack[]): DecodedPack[] {
  const byNumber = new Map<string, DecodedPack>();
  for (const pack of packs) {
    const key = `${pack.epoch} ${pack.seq}`;
    expect(byNumber.get(key) ?? pack).toEqual(pack);
    byNumber.set(key, pack);
  }
  return [...byNumber.values()].sort((a, b) => a.seq - b.seq);
}

it('brings every reading to the gateway, though it goes away and comes back, and the device restarts', async () => {
  const gateway = await TestGateway.start(await freePort());
  const config = await configFor(gateway.url);
  const first = device(config);
  expect(first.edge.status().outbox.pendingPacks).toBe(0);
  await first.edge.start();
  await waitFor('readings on the way', 10_000, () => gateway.packs.length > 5);
  await gateway.down();
  const before = first.edge.status().agent.out;
  await waitFor('readings while the gateway is away', 10_000, () => first.edge.status().agent.out > before + 2000);
  await gateway.up();
  await waitFor('the device is back', 15_000, () => first.edge.status().uplink.connected);
  await first.edge.stop(60_000);
  const stopped = first.edge.status();
  expect(stopped.agent).toMatchObject({ dropped: 0, inFlight: 0 });

  const second = device(config);
  await second.edge.start();
  await waitFor('readings after the restart', 10_000, () => second.edge.status().agent.out > 1000);
  await second.edge.stop(60_000);

  const packs = distinct(gateway.packs);
  expect(packs.map(({ seq }) => seq)).toEqual(packs.map((_, i) => i));
  expect(new Set(packs.map(({ epoch }) => epoch)).size).toBe(1);
  expect(asSet(packs.flatMap(({ points }) => points))).toEqual([...first.given(), ...second.given()].sort());
  const births = gateway.states.filter((state) => state.type === 'birth');
  expect(new Set(packs.map(({ catalogue }) => catalogue))).toEqual(new Set(births.map((birth) => birth.catalogueHash)));
  expect(gateway.states.at(-1)!.type).toBe('offline');
}, 120_000);

it('measures before it ever saw its gateway, and tells the catalogues of those packs when it does', async () => {
  const port = await freePort();
  const config = await configFor(`mqtt://127.0.0.1:${port}`);
  const away = device(config);
  await away.edge.start();
  await waitFor('readings in the outbox', 10_000, () => away.edge.status().outbox.pendingPacks > 2);
  await away.edge.stop(1000);
  expect(away.edge.status().uplink).toMatchObject({ connected: false, connections: 0 });

  // The device comes back with other sensors, and so with another catalogue.
  const gateway = await TestGateway.start(port);
  const sensor = new ScriptedSensor(systemClock, ['other']);
  const parts = { clock: systemClock, logger: silentLogger, registry: new Registry() };
  const edge = createEdge(config, { ...parts, extraSensors: [{ name: 'other', sensor, intervalMs: 50 }] });
  await edge.start();
  await waitFor(
    'everything delivered',
    15_000,
    () => gateway.packs.length > 3 && edge.status().outbox.pendingPacks === 0,
  );
  await edge.stop(60_000);
  const told = gateway.states.flatMap((state) => (state.type === 'birth' ? [state.catalogueHash] : []));
  const named = new Set(gateway.packs.map(({ catalogue }) => catalogue));
  expect(named.size).toBe(2);
  expect([...named].filter((hash) => !told.includes(hash))).toEqual([]);
}, 120_000);

it('runs from its configuration alone: host, windows, labels', async () => {
  const gateway = await TestGateway.start(await freePort());
  const edge = createEdge(
    await configFor(gateway.url, {
      sensors: [
        { driver: 'host', intervalMs: 100, channels: ['load-1m', 'memory-*'], filters: [{ filter: 'hampel' }] },
      ],
      channels: { '*': { labels: { city: 'Oslo' } }, 'memory-*': { reduce: { window: '500ms' } } },
    }),
    { clock: systemClock, logger: silentLogger, registry: new Registry(), version: '1.2.3' },
  );
  await edge.start();
  const windows = () => gateway.packs.flatMap(({ points }) => points).filter(({ form }) => form === 'window');
  await waitFor('four windows', 15_000, () => windows().length >= 4);
  await edge.stop(60_000);
  const [birth] = gateway.states.filter((state) => state.type === 'birth');
  expect(birth!.version).toBe('1.2.3');
  expect(Object.keys(birth!.catalogue.sensors)).toEqual(['load-1m', 'memory-used', 'memory-available']);
  expect(birth!.catalogue.sensors['load-1m']!.labels).toEqual({ city: 'Oslo' });
  expect(new Set(windows().map(({ sensor }) => sensor))).toEqual(new Set(['memory-used', 'memory-available']));
  const { agent, stages } = edge.status();
  expect(agent).toMatchObject({ dropped: 0, inFlight: 0 });
  expect(stages.map(({ stage }) => stage)).toEqual(['edge_agent', 'edge_outbox']);
}, 120_000);

it('takes its password from a file, and says so when it cannot', async () => {
  const file = join(await tempDir(), 'token');
  await writeFile(file, 'secret\n');
  const parts = () => ({ clock: systemClock, logger: silentLogger, registry: new Registry() });
  const url = 'mqtt://127.0.0.1:1';
  const good = await configFor(url, { gateway: { url, passwordFile: file } });
  expect(createEdge(good, parts()).device).toEqual({ site: 'plant1', device: 'press-07' });
  const bad = await configFor(url, { gateway: { url, passwordFile: `${file}.gone` } });
  expect(() => createEdge(bad, parts())).toThrow(FatalError);
});
