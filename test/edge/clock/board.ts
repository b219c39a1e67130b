// A board without a clock of its own, until it is killed: its system starts in 1970, and shows the time once the marker
// file is there. Its one sensor measures the true time, in milliseconds, so that a reading tells what its stamp must be.
// It says how many readings are safe in its outbox: `safe <number>`. Argument: JSON of BoardArguments.
import { existsSync, writeSync } from 'node:fs';
import { Registry } from 'prom-client';
import { systemClock, type Clock } from '#core/runtime/clock.js';
import { createLogger } from '#core/runtime/logger.js';
import { edgeConfigSchema } from '../../../edge/config.js';
import { systemBoot } from '../../../edge/clock/boot.js';
import { createEdge } from '../../../edge/main.js';
import type { Reading } from '#core/contract/reading.js';
import type { Sensor } from '../../../edge/sensors/sensor.js';

export interface BoardArguments {
  readonly config: object;
  readonly boot: string;
  readonly marker: string;
}

const { config, boot: id, marker } = JSON.parse(process.argv[2]!) as BoardArguments;
const { uptimeUs } = systemBoot();
const clock: Clock = { ...systemClock, nowUs: () => (existsSync(marker) ? systemClock.nowUs() : uptimeUs()) };
const description = { quantity: 'time', unit: 'ms', labels: {}, interpolation: 'none', maxGapUs: 1e9 } as const;
const truth = (own: Clock): Sensor => ({
  channels: { truth: description },
  start: () => Promise.resolve(),
  stop: () => Promise.resolve(),
  read: () => Promise.resolve([readAtOnce(own)]),
});

/** Both clocks: again if this process had to wait between them, on a machine that has much to do. */
function readAtOnce(own: Clock): Reading {
  for (;;) {
    const before = systemClock.nowUs();
    const timeUs = own.nowUs();
    const after = systemClock.nowUs();
    if (after - before < 20_000) return { sensor: 'truth', timeUs, value: after / 1000, quality: 'good' };
  }
}
const edge = createEdge(edgeConfigSchema.parse(config), {
  clock,
  logger: createLogger({ level: 'error' }),
  registry: new Registry(),
  extraSensors: (own) => [{ name: 'truth', sensor: truth(own), intervalMs: 10 }],
  machine: { boot: { id, uptimeUs }, buildTimeUs: Date.UTC(2026, 0) * 1000 },
});
process.once('SIGTERM', () => void edge.stop(5000).then(() => process.exit(0)));
await edge.start();
for (;;) {
  await systemClock.sleep(20);
  writeSync(1, `safe ${edge.status().agent.out}\n`);
}
