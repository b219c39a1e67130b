import type { Registry } from 'prom-client';
import { z } from 'zod';
import type { Clock } from '../runtime/clock.js';
import type { DataDirectory } from '../runtime/data-directory.js';
import { durationBetween } from '../runtime/durations.js';
import { FatalError } from '../runtime/errors.js';
import type { Logger } from '../runtime/logger.js';
import type { Profile } from '../runtime/profile.js';
import { LocalLog } from './local-log.js';
import type { EventLog } from './log.js';

const localSchema = z.strictObject({
  sliceMs: durationBetween('1m', '7d').prefault('1h').describe('Old records go by slices of this length'),
});

const kafkaSchema = z.strictObject({
  brokers: z
    .array(z.string().regex(/^[^:\s]+:\d{1,5}$|^\[[0-9a-f:]+\]:\d{1,5}$/i, 'not host:port'))
    .min(1)
    .describe('Brokers to begin with, as host:port; the others are found through them'),
});

/** The `log` section of the configuration; the profile says which of its parts counts. */
export const logConfigSchema = z.strictObject({
  local: localSchema.prefault({}).describe('The log on disk of the profile embedded'),
  kafka: kafkaSchema.optional().describe('Apache Kafka, for the profile cluster'),
});
export type LogConfig = z.infer<typeof logConfigSchema>;

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
};

/** The event log of a profile, not yet started. Throws FatalError `bad-config` if its section is missing. */
export function openLog<P extends Profile>(profile: P, config: LogConfig, dependencies: LogDependencies): EventLog {
  const open = (logs as Partial<Record<Profile, (config: LogConfig, dependencies: LogDependencies) => EventLog>>)[
    profile
  ];
  if (!open) throw new FatalError('bad-config', `there is no event log for the profile ${profile}`);
  return open(config, dependencies);
}
