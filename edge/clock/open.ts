import { join } from 'node:path';
import type { Registry } from 'prom-client';
import { buildTimeUs } from '#core/runtime/build-time.js';
import type { Clock } from '#core/runtime/clock.js';
import type { Logger } from '#core/runtime/logger.js';
import { systemMachine, WallTrust, type Machine } from '#core/runtime/wall-trust.js';
import type { Outbox } from '../outbox/outbox.js';
import { systemBoot, type Boot } from './boot.js';
import { ClockFile } from './clock-file.js';
import type { ClockConfig } from './config.js';
import { DeviceClock } from './device-clock.js';
import { UnsyncedBoots } from './unsynced-boots.js';

/** What a test puts in the place of the machine; default the real one. */
export interface MachineParts {
  readonly boot?: Boot;
  readonly machine?: Machine;
  readonly buildTimeUs?: number;
}

export interface ClockSeams extends MachineParts {
  /** The system's clock, right or wrong. */
  readonly clock: Clock;
  readonly logger: Logger;
  readonly registry: Registry;
  /** Asked from the start of the clock on. */
  readonly outbox: () => Outbox;
}

/** The clock of a device, which remembers in `folder`. */
export function openClock(folder: string, config: ClockConfig, seams: ClockSeams): DeviceClock {
  const { clock: system, logger, registry, boot = systemBoot(), machine = systemMachine } = seams;
  const boots = new UnsyncedBoots(new ClockFile(join(folder, 'clock.json'), logger), logger);
  const built = seams.buildTimeUs ?? buildTimeUs();
  const floorUs = () => Math.max(built, boots.floorUs);
  const trust = new WallTrust({ mode: config.trust, markers: config.syncMarkers, machine, floorUs });
  const outbox = () => ({ epoch: seams.outbox().epoch, ...seams.outbox().status() });
  return new DeviceClock({
    ...{ system, boot, trust, boots, outbox, logger, registry },
    holdMs: config.holdMs,
    buildTimeUs: built,
  });
}
