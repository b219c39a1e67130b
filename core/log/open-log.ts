import { readFileSync } from 'node:fs';
import type { Registry } from 'prom-client';
import type { Clock } from '../runtime/clock.js';
import type { DataDirectory } from '../runtime/data-directory.js';
import { FatalError, messageOf } from '../runtime/errors.js';
import type { Logger } from '../runtime/logger.js';
import type { Profile } from '../runtime/profile.js';
import { KafkaLog, type KafkaLogOptions } from './kafka-log.js';
import { LocalLog } from './local-log.js';
import type { KafkaConfig, LogConfig } from './log-config.js';
import type { EventLog } from './log.js';

export interface LogDependencies {
  /** Where the local log keeps its files. */
  readonly data: Pick<DataDirectory, 'file'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly registry: Registry;
  /** Hears of a topic that is kept in another way than its specification says. */
  readonly onError?: (error: unknown) => void;
}

const logs = {
  embedded: ({ local }: LogConfig, { data, ...seams }: LogDependencies) =>
    new LocalLog({ directory: data.file('log'), ...local, ...seams }),
  cluster: ({ kafka }: LogConfig, { data: _, ...seams }: LogDependencies) => {
    if (!kafka) throw new FatalError('bad-config', 'the profile cluster needs log.kafka.brokers');
    const { tls, sasl, ...rest } = kafka;
    return new KafkaLog({ ...rest, ...credentials({ tls, sasl }), ...seams });
  },
} satisfies Record<Profile, (config: LogConfig, dependencies: LogDependencies) => EventLog>;

/** The event log of a profile, not yet started. Throws FatalError `bad-config` if its section is missing or wrong. */
export function openLog<P extends Profile>(
  profile: P,
  config: LogConfig,
  dependencies: LogDependencies,
): ReturnType<(typeof logs)[P]> {
  return logs[profile](config, dependencies) as ReturnType<(typeof logs)[P]>;
}

function credentials({ tls, sasl }: Pick<KafkaConfig, 'tls' | 'sasl'>): Pick<KafkaLogOptions, 'ssl' | 'sasl'> {
  const read = (file: string | undefined): string | undefined => {
    try {
      return file === undefined ? undefined : readFileSync(file, 'utf8');
    } catch (cause) {
      throw new FatalError('bad-config', `cannot read ${file} of log.kafka: ${messageOf(cause)}`, { cause });
    }
  };
  const ca = read(tls?.ca);
  const ssl = tls && { ...(ca && { ca: [ca] }), cert: read(tls.cert), key: read(tls.key) };
  const login = sasl && {
    mechanism: sasl.mechanism,
    username: sasl.username,
    password: read(sasl.passwordFile)!.trim(),
  };
  return { ...(ssl && { ssl }), ...(login && { sasl: login as KafkaLogOptions['sasl'] }) };
}
