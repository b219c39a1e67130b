import type { Registry } from 'prom-client';
import type { EventLog } from '#core/log/log.js';
import type { Clock } from '#core/runtime/clock.js';
import type { DataDirectory } from '#core/runtime/data-directory.js';
import { FatalError } from '#core/runtime/errors.js';
import type { Logger } from '#core/runtime/logger.js';
import { isForeign, type IncomingMessage } from '../intake/message.js';
import type { SpoolConfig } from './spool-config.js';
import { SpooledLog } from './spooled-log.js';

export interface SpoolDependencies {
  readonly log: EventLog;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly registry: Registry;
  readonly data?: Pick<DataDirectory, 'file'> | undefined;
}

export interface Spool {
  readonly log: SpooledLog;
  readonly takes: (message: IncomingMessage) => boolean;
}

/** The spool, if there is to be one. Throws FatalError `bad-config` if it has no place. */
export function openSpool(config: SpoolConfig, { data, ...seams }: SpoolDependencies): Spool | undefined {
  const { enabled, for: whom, directory = data?.file('spool'), ...limits } = config;
  if (!enabled) return undefined;
  if (directory === undefined)
    throw new FatalError('bad-config', 'set gateway.spool.directory: there is no data directory');
  return { log: new SpooledLog({ directory, ...limits, ...seams }), takes: whom === 'all' ? () => true : isForeign };
}
