import type { Registry } from 'prom-client';
import type { EventLog } from '#core/log/log.js';
import type { Clock } from '#core/runtime/clock.js';
import type { Logger } from '#core/runtime/logger.js';
import { observe } from '#core/runtime/metrics.js';
import { TopicRouter } from '../topic-router.js';
import { AnnouncedDevices } from './announced-devices.js';
import { ForeignHeartbeats } from './foreign-heartbeats.js';
import { ForeignIntake, type DeviceBook } from './foreign-intake.js';
import { ForeignNotices } from './foreign-notices.js';
import { PackMaker, type PackMakerOptions } from './pack-maker.js';
import { openSource, type SourceConfig } from './registry.js';

export interface ForeignConfig {
  readonly sources: readonly SourceConfig[];
  readonly foreign: { readonly maxDevices: number; readonly maxSensors: number; readonly heartbeatMs: number };
}

export interface ForeignDependencies {
  readonly log: EventLog;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Yields [0, 1). */
  readonly random: () => number;
  readonly registry: Registry;
  /** Undefined: every device counts as adopted. */
  readonly book?: DeviceBook;
  readonly publish: (topic: string, payload: Uint8Array) => Promise<void>;
  /** The same, kept for those that come later. */
  readonly publishRetained: (topic: string, payload: Uint8Array) => Promise<void>;
}

/** All that takes foreign messages, of the configured sources. Throws FatalError `bad-config`. */
export function openForeign({ sources, foreign }: ForeignConfig, dependencies: ForeignDependencies) {
  const { log, clock, logger, random, registry, book, publish, publishRetained } = dependencies;
  const router = new TopicRouter(sources.map((config) => openSource(config, { clock, logger })));
  const devices = new AnnouncedDevices();
  const announced: PackMakerOptions['announced'] = (device) => devices.sensorsOf(device);
  const maker = new PackMaker({ clock, random, limits: foreign, announced });
  const intake = new ForeignIntake({ logger, maker, book, isOwn: (device) => devices.isOwn(device), publish });
  observe(registry, 'fieldline_gateway_foreign_devices', 'Foreign devices that were heard', () => maker.size);
  const notices = router.sources.flatMap(({ decoder }) => decoder.notice ?? []);
  return {
    router,
    notices: new ForeignNotices({ notices, clock, publishRetained }),
    heartbeats: new ForeignHeartbeats({ log, maker, clock, logger, everyMs: foreign.heartbeatMs }),
    learn: devices.learn.bind(devices),
    take: intake.take.bind(intake),
    status: () => ({ foreignDevices: maker.size }),
  };
}
