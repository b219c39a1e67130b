import { logTopics } from '#core/contract/log-topics.js';
import { openLog } from '#core/log/open-log.js';
import { systemClock as clock } from '#core/runtime/clock.js';
import { FatalError } from '#core/runtime/errors.js';
import type { Part } from '#core/runtime/lifecycle.js';
import type { FieldlineConfig } from '../config.js';
import type { PartSeams } from './part-line.js';

/** Throws FatalError `bad-config` for a log that belongs to a single process. */
export function requireSharedLog({ profile }: Pick<FieldlineConfig, 'profile'>): void {
  if (profile !== 'embedded') return;
  const message =
    'a part alone needs the profile cluster, whose log several processes share: set profile: cluster, or run fieldline up';
  throw new FatalError('bad-config', message);
}

/** A log that several processes share. Throws as {@link requireSharedLog}. */
export function openSharedLog({ config, data, logger, registry }: PartSeams): ReturnType<typeof openLog> {
  requireSharedLog(config);
  return openLog(config.profile, config.log, { data, clock, logger, registry });
}

/** Makes the topics at the start. */
export function topicsOf(log: ReturnType<typeof openLog>): Part {
  return { start: () => log.ensureTopics(Object.values(logTopics)), stop: () => Promise.resolve() };
}
