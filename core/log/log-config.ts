import { z } from 'zod';
import { durationBetween } from '../runtime/durations.js';

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
export type KafkaConfig = z.infer<typeof kafkaSchema>;

/** The `log` section of the configuration; the profile says which of its parts counts. */
export const logConfigSchema = z.strictObject({
  local: localSchema.prefault({}).describe('The log on disk of the profile embedded'),
  kafka: kafkaSchema.optional().describe('Apache Kafka, for the profile cluster'),
});
export type LogConfig = z.infer<typeof logConfigSchema>;
