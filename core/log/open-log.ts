import { readFileSync } from 'node:fs';
import type { Registry } from 'prom-client';
import { z } from 'zod';
import type { Clock } from '../runtime/clock.js';
import type { DataDirectory } from '../runtime/data-directory.js';
import { durationBetween } from '../runtime/durations.js';
import { FatalError, messageOf } from '../runtime/errors.js';
import type { Logger } from '../runtime/logger.js';
import type { Profile } from '../runtime/profile.js';
import { KafkaLog, type KafkaLogOptions } from './kafka-log.js';
import { LocalLog } from './local-log.js';
import type { EventLog } from './log.js';

const localSchema = z.strictObject({
  sliceMs: durationBetween('1m', '7d').prefault('1h').describe('Old records go by slices of this length'),
});

const path = z.string().min(1);
const kafkaSchema = z.strictObject({
  brokers: z
    .array(z.string().regex(/^[^:\s]+:\d{1,5}$|^\[[0-9a-f:]+\]:\d{1,5}$/i, 'not host:port'))
    .min(1)
    .describe('Brokers to begin with, as host:port; the others are found through them'),
  clientId: z.string().min(1).max(200).default('fieldline').describe('Name of this program in the logs of Kafka'),
  replication: z
    .int()
    .min(1)
    .max(10)
    .optional()
    .describe('Copies of each partition of a new topic; unless set 3 where three brokers are named, else 1'),
  sessionTimeoutMs: durationBetween('6s', '5m')
    .prefault('10s')
    .describe('A consumer that is silent for so long is taken for dead'),
  tls: z
    .strictObject({
      ca: path.optional().describe('PEM file with the authority of the brokers'),
      cert: path.optional().describe('PEM file with the certificate of this program'),
      key: path.optional().describe('PEM file with its private key'),
    })
    .optional()
    .describe('If set, brokers are spoken to over TLS'),
  sasl: z
    .strictObject({
      mechanism: z.enum(['plain', 'scram-sha-256', 'scram-sha-512']).default('scram-sha-512').describe('How to log in'),
      username: z.string().min(1).describe('User name'),
      passwordFile: path.describe('File that holds the password and nothing else'),
    })
    .optional()
    .describe('If set, brokers want a user and a password'),
});
type KafkaConfig = z.infer<typeof kafkaSchema>;

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
