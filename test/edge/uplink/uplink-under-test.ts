import { randomBytes } from 'node:crypto';
import { onTestFinished } from 'vitest';
import { systemClock } from '../../../core/runtime/clock.js';
import { silentLogger } from '../../../core/runtime/logger.js';
import { DeviceCatalogue } from '../../../edge/device-catalogue.js';
import { MemoryOutbox } from '../../../edge/outbox/memory-outbox.js';
import type { Lane, Outbox } from '../../../edge/outbox/outbox.js';
import { MqttUplink, type MqttUplinkOptions } from '../../../edge/uplink/mqtt-uplink.js';
import { tracedEntry, tracedThinner } from '../../contracts/outbox/traced-pack.js';

export const device = { site: 'plant1', device: 'press-07' };

export interface UnderTest {
  readonly uplink: MqttUplink;
  readonly outbox: Outbox;
  readonly catalogue: DeviceCatalogue;
  /** Appends so many packs of a lane, one reading each; resolves with their numbers. */
  readonly append: (packs: number, lane?: Lane) => Promise<number[]>;
}

export async function memoryOutbox(): Promise<MemoryOutbox> {
  const outbox = new MemoryOutbox({ maxBytes: 1e9, thinner: tracedThinner, random: randomBytes });
  await outbox.start();
  return outbox;
}

/** An uplink that is not yet started; it stops when the test ends. */
export async function openUplink(url: string, over: Partial<MqttUplinkOptions> = {}): Promise<UnderTest> {
  const outbox = over.outbox ?? (await memoryOutbox());
  const catalogue = new DeviceCatalogue(device);
  const uplink = new MqttUplink({
    device,
    url,
    outbox,
    catalogue,
    version: '1.2.3',
    clock: systemClock,
    random: Math.random,
    logger: silentLogger,
    reconnect: { firstMs: 20, maxMs: 200 },
    ...over,
  });
  onTestFinished(async () => {
    await uplink.stop(200);
    await outbox.stop(200);
  });
  const append = async (packs: number, lane: Lane = 'data') =>
    outbox.append(Array.from({ length: packs }, (_, i) => tracedEntry(lane, [`r${i}`], 100)));
  return { uplink, outbox, catalogue, append };
}

export const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);
