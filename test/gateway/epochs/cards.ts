import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { onTestFinished } from 'vitest';
import { decodePack, type DecodedPack } from '../../../core/contract/pack.js';
import type { Reading } from '../../../core/contract/reading.js';
import { systemClock } from '../../../core/runtime/clock.js';
import { deviceToken } from '../../../core/runtime/device-token.js';
import { silentLogger } from '../../../core/runtime/logger.js';
import { edgeConfigSchema } from '../../../edge/config.js';
import { createEdge, type Edge } from '../../../edge/main.js';
import { ScriptedSensor } from '../../edge/agent/fakes.js';
import { asSet, RecordingSensor } from '../../edge/agent/recording-sensor.js';
import type { MemoryLog } from '../../support/memory-log.js';
import { tempDir } from '../../support/temp-dir.js';
import { waitFor } from '../../servers/wait-for.js';
import { press, secret } from '../harness.js';

const mib = 1024 * 1024;

/** A card with a device's outbox on it. */
export class Card {
  private constructor(private readonly folder: string) {}

  static async blank(): Promise<Card> {
    return new Card(await tempDir());
  }

  get outbox(): string {
    return join(this.folder, 'outbox');
  }

  async copy(): Promise<Card> {
    const copy = await Card.blank();
    await cp(this.folder, copy.folder, { recursive: true });
    return copy;
  }

  /** What is on the other card is on this one, and nothing else. */
  async restore(backup: Card): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
    await cp(backup.folder, this.folder, { recursive: true });
  }
}

/** Devices that all say that they are the same one, and what their sensors gave. */
export class Clones {
  readonly given: Reading[][] = [];
  private count = 0;

  constructor(private readonly port: () => number) {}

  /** Boots a device with this card; each life has a sensor of its own, so that no reading is another's by chance. */
  async boot(card: Card): Promise<Edge> {
    const sensor = new RecordingSensor(new ScriptedSensor(systemClock, [`life-${(this.count += 1)}`]));
    this.given.push(sensor.given);
    const config = edgeConfigSchema.parse({
      ...press,
      gateway: { url: `mqtt://127.0.0.1:${this.port()}`, password: deviceToken(secret, press) },
      outbox: { directory: card.outbox, maxBytes: 32 * mib, reserveBytes: mib },
      sensors: [],
      channels: { '*': { filters: [] } },
      uplink: { heartbeatMs: '200ms', maxInFlight: 4 },
    });
    const extraSensors = [{ name: 'life', sensor, intervalMs: 10 }];
    const edge = createEdge(config, {
      clock: systemClock,
      logger: silentLogger,
      registry: new Registry(),
      extraSensors,
    });
    onTestFinished(() => edge.stop(500));
    await edge.start();
    return edge;
  }
}

/** Everything is delivered, and the device stopped. */
export async function drained(edge: Edge): Promise<void> {
  const delivered = () => edge.status().uplink.connected && edge.status().outbox.pendingPacks === 0;
  await waitFor('everything delivered', 30_000, delivered, 5);
  await edge.stop(5000);
}

/** The epochs under which devices have connected. */
export function bornEpochs(log: MemoryLog): Set<string> {
  const births = log.records('device-events').filter(({ key }) => key.includes('/birth/'));
  return new Set(births.map(({ value }) => (JSON.parse(Buffer.from(value).toString()) as { epoch: string }).epoch));
}

/** What the store makes of the log: of the packs with one number the first. */
export function stored(log: MemoryLog): { readings: string[]; conflicts: number } {
  const byNumber = new Map<string, { pack: DecodedPack; bytes: Buffer }>();
  let conflicts = 0;
  for (const { value } of log.records('sensor-readings')) {
    const pack = decodePack(value);
    const key = `${pack.epoch} ${pack.seq}`;
    const first = byNumber.get(key);
    if (!first) byNumber.set(key, { pack, bytes: Buffer.from(value) });
    else if (!first.bytes.equals(value)) conflicts += 1;
  }
  const packs = [...byNumber.values()].map(({ pack }) => pack);
  // A store keeps one point of each identity, whatever pack it came in.
  const readings = [...new Set(asSet(packs.flatMap(({ points }) => points)))].sort();
  return { readings, conflicts };
}

export const everyReading = (clones: Clones): string[] => asSet(clones.given.flat());
