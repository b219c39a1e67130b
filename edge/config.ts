import { z } from 'zod';
import { nameSchema } from '#core/contract/names.js';
import { durationBetween } from '#core/runtime/durations.js';
import { clockConfigSchema } from './clock/config.js';
import { channelDefaultsSchema, processingShape } from './processing.js';
import { sensorDrivers } from './sensors/registry.js';
import { upgradeConfigSchema } from './upgrade/config.js';
import { taggedUnion, type Tagged } from '#core/runtime/tagged-union.js';

const mib = 1024 * 1024;

const commonShape = {
  name: nameSchema.optional().describe('Name of this source in logs and status. Default: its driver'),
  intervalMs: durationBetween('1ms', '1d').prefault('5s').describe('Time between two readings, aligned to UTC'),
  timeoutMs: durationBetween('10ms', '1h').prefault('10s').describe('A read that takes longer is given up'),
  ...processingShape,
};
/** One entry of `edge.sensors`. */
export type SensorConfig = Tagged<'driver', typeof sensorDrivers, typeof commonShape>;

const gatewaySchema = z
  .strictObject({
    url: z
      .url({ protocol: /^mqtts?$/ })
      .default('mqtt://127.0.0.1:1883')
      .describe('Address of the gateway; mqtts:// for TLS'),
    password: z.string().min(1).optional().describe('Token of the device; better in a file or in the environment'),
    caFile: z
      .string()
      .min(1)
      .optional()
      .describe('PEM file of the authority to trust, and no other; for mqtts://. Default: those of the system'),
    passwordFile: z.string().min(1).optional().describe('File that holds the token and nothing else'),
    certFile: z
      .string()
      .min(1)
      .optional()
      .describe('PEM file with the certificate of the device, in place of a token; for mqtts://, with keyFile'),
    keyFile: z.string().min(1).optional().describe('PEM file with its key'),
    renew: z
      .boolean()
      .optional()
      .describe(
        'Whether the device renews its certificate by itself after two thirds of its life, where the gateway signs. Default: true',
      ),
    enrolTokenFile: z
      .string()
      .min(1)
      .optional()
      .describe(
        'File with an enrolment token: the device makes its key, asks for a certificate, and keeps both in keyFile and certFile, which need not be there yet; then the file is deleted',
      ),
  })
  .refine(({ enrolTokenFile, certFile }) => enrolTokenFile === undefined || certFile !== undefined, {
    path: ['enrolTokenFile'],
    message: 'takes certFile and keyFile, where the certificate will be kept',
  })
  .refine(({ certFile, keyFile }) => (certFile === undefined) === (keyFile === undefined), {
    path: ['keyFile'],
    message: 'certFile and keyFile go together',
  })
  .refine(({ certFile, url }) => certFile === undefined || url.startsWith('mqtts:'), {
    path: ['certFile'],
    message: 'a certificate takes a url with mqtts://',
  });

const uplinkSchema = z.strictObject({
  heartbeatMs: durationBetween('100ms', '10m').prefault('10s').describe('How often the device says that it lives'),
  keepaliveMs: durationBetween('1s', '1h').prefault('30s').describe('MQTT keep-alive, in whole seconds'),
  backlogPacksPerSecond: z.int().min(1).default(500).describe('Packs of a backlog a second; live ones go ahead of it'),
  maxInFlight: z.int().min(1).max(1000).default(16).describe('Packs sent and not yet acknowledged'),
});

const outboxSchema = z
  .strictObject({
    directory: z.string().min(1).default('data/outbox').describe('Folder of the readings not yet delivered'),
    maxBytes: z
      .int()
      .min(8 * mib)
      .default(512 * mib)
      .describe('Bytes on disk, garbage and reserve included'),
    reserveBytes: z
      .int()
      .min(mib)
      .default(16 * mib)
      .describe('Bytes set aside to be freed when the disk is full'),
    enduranceBytes: z
      .number()
      .positive()
      .default(10e12)
      .describe('What may be written to the card before it wears out: 10 TB is what a 32 GB consumer card takes'),
  })
  .refine((outbox) => outbox.maxBytes >= outbox.reserveBytes + 6 * mib, {
    path: ['maxBytes'],
    message: 'must be at least 6 MiB more than reserveBytes',
  });

const packSchema = z.strictObject({
  delayMs: durationBetween('0ms', '1m').prefault('20ms').describe('How long a pack waits for more readings'),
  maxReadings: z.int().min(1).max(2000).default(500).describe('Points of one pack'),
  coding: z.enum(['zlib', 'identity']).default('zlib').describe('zlib: deflated SenML; identity: plain SenML'),
  maxWaitingPoints: z
    .int()
    .min(1000)
    .default(50_000)
    .describe('Points held in memory while the outbox takes none; beyond it the oldest are dropped, and counted'),
});

const remoteSchema = z.strictObject({
  publicKey: z
    .string()
    .min(1)
    .optional()
    .describe('Key of who may configure this device from afar: the line of `fieldline config keygen`; none: nobody'),
  publicKeyFile: z.string().min(1).optional().describe('The same as a PEM file'),
  probationMs: durationBetween('1s', '1h')
    .prefault('2m')
    .describe('A config from afar that stops data from flowing for so long is rolled back'),
});

/** What a source is called in logs and status. */
export function sensorName({ name, driver }: Pick<SensorConfig, 'name' | 'driver'>): string {
  return name ?? driver;
}

/** The `edge` section of the configuration: one device. */
export const edgeConfigSchema = z.strictObject({
  site: nameSchema.describe('Site that the device belongs to'),
  device: nameSchema.describe('Name of the device, unique within its site'),
  gateway: gatewaySchema.prefault({}).describe('Where readings go'),
  uplink: uplinkSchema.prefault({}).describe('How they go there'),
  clock: clockConfigSchema.prefault({}).describe('What is believed of the time'),
  outbox: outboxSchema.prefault({}).describe('What keeps readings until the gateway has them'),
  pack: packSchema.prefault({}).describe('How readings are gathered for the way'),
  sensors: z
    .array(taggedUnion('driver', sensorDrivers, commonShape))
    .refine((sensors) => new Set(sensors.map(sensorName)).size === sensors.length, 'two have one name: set name')
    .prefault([{ driver: 'host' }])
    .describe('What the device measures. Default: the host itself'),
  channels: channelDefaultsSchema.default({}).describe('Processing by glob of sensor names; later globs win'),
  config: remoteSchema.prefault({}).describe('Configuration from afar; see docs/decisions/009-remote-config.md'),
  upgrade: upgradeConfigSchema.optional().describe('Whose releases it takes; absent: nobody’s. See docs/upgrade.md'),
});
export type EdgeConfig = z.infer<typeof edgeConfigSchema>;
