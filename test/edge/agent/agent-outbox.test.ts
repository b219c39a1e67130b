import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { decodePack } from '../../../core/contract/pack.js';
import { systemClock } from '../../../core/runtime/clock.js';
import { silentLogger } from '../../../core/runtime/logger.js';
import { DeviceCatalogue } from '../../../edge/device-catalogue.js';
import { LevelOutbox } from '../../../edge/outbox/level-outbox.js';
import { MemoryOutbox } from '../../../edge/outbox/memory-outbox.js';
import type { Entry, Outbox } from '../../../edge/outbox/outbox.js';
import { PackThinner } from '../../../edge/outbox/pack-thinner.js';
import { HostSensor } from '../../../edge/sensors/host.js';
import { waitFor } from '../../servers/wait-for.js';
import { tempDir } from '../../support/temp-dir.js';
import { device, ScriptedSensor, testAgent } from './fakes.js';
import { asSet, RecordingSensor } from './recording-sensor.js';

const mib = 1024 * 1024;
const thinner = new PackThinner({ device, catalogueHash: () => new DeviceCatalogue(device).current.hash });

async function levelOutbox(): Promise<Outbox> {
  const directory = await tempDir();
  const limits = { maxBytes: 16 * mib, reserveBytes: mib };
  return new LevelOutbox({
    directory,
    ...limits,
    thinner,
    clock: systemClock,
    logger: silentLogger,
    random: randomBytes,
  });
}

const memoryOutbox = async () => new MemoryOutbox({ maxBytes: 16 * mib, thinner, random: randomBytes });

async function everything(outbox: Outbox): Promise<Entry[]> {
  outbox.rewind();
  const entries: Entry[] = [];
  for (let some = await outbox.offer('data', 100); some.length > 0; some = await outbox.offer('data', 100))
    entries.push(...some);
  return entries;
}

it.each([
  ['disk', levelOutbox],
  ['memory', memoryOutbox],
])('what sensors give stands in the outbox, in %s: every reading once, with its value', async (_name, open) => {
  const outbox = await open();
  await outbox.start();
  const host = new RecordingSensor(new HostSensor({ clock: systemClock }));
  const names = Array.from({ length: 200 }, (_, i) => `room-${i}.temp`);
  const building = new RecordingSensor(new ScriptedSensor(systemClock, names, (n, name) => n + name.length / 7));
  const { agent, catalogue } = testAgent(systemClock, {
    outbox,
    sensors: [
      { name: 'host', sensor: host, intervalMs: 50 },
      { name: 'building', sensor: building, intervalMs: 20 },
    ],
  });
  await agent.start();
  await waitFor('5,000 readings', 10_000, () => agent.status().out > 5000);
  await agent.stop(5000);
  const status = agent.status();
  expect(status).toMatchObject({ dropped: 0, inFlight: 0, outboxFailure: undefined });
  const entries = await everything(outbox);
  const packs = entries.map(({ payload }) => decodePack(payload, device));
  expect(asSet(packs.flatMap(({ points }) => points))).toEqual(asSet([...host.given, ...building.given]));
  expect(entries.reduce((sum, { readings }) => sum + readings, 0)).toBe(status.out);
  expect(packs.map(({ seq }) => seq)).toEqual(packs.map((_, i) => i));
  expect(new Set(packs.map((pack) => pack.catalogue))).toEqual(new Set([catalogue.current.hash]));
  await outbox.stop(1000);
});
