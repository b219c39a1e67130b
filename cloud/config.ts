import { z } from 'zod';
import { logConfigSchema } from '#core/log/log-config.js';
import { durationBetween } from '#core/runtime/durations.js';
import { unknownSensorModes } from './ingest/unknown-sensors.js';
import { storeConfigSchema } from './store/store-config.js';

const mib = 1024 * 1024;
const port = z.int().min(0).max(65_535);

/** The `ingest` section: from the log into the store. */
export const ingestConfigSchema = z.strictObject({
  gatherMs: durationBetween('0ms', '1s').prefault('10ms').describe('How long a pack waits for company before a write'),
  maxWriteReadings: z.int().min(100).max(1_000_000).default(50_000).describe('Readings of one write to the store'),
  maxParkedBytes: z
    .int()
    .min(mib)
    .default(64 * mib)
    .describe('Bytes of packs that wait for their catalogue or clock; beyond it the log is not read on'),
  maxDeviceParkedBytes: z
    .int()
    .min(64 * 1024)
    .default(4 * mib)
    .describe('The same for one device; beyond it its packs become dead letters'),
  unknownSensors: z
    .enum(unknownSensorModes)
    .default('quarantine')
    .describe(
      'Readings of a sensor that its catalogue lacks. quarantine: set aside as dead letters; accept: stored as the quantity unknown; reject: dropped and counted',
    ),
});
export type IngestConfig = z.infer<typeof ingestConfigSchema>;

/** The `rollups` section. */
export const rollupsConfigSchema = z.strictObject({
  enabled: z.boolean().default(true).describe('Whether this process rolls up; of several on one store only one may'),
  everyMs: durationBetween('100ms', '10m').prefault('1s').describe('Time between two looks for changed buckets'),
  settleMs: durationBetween('0ms', '10m')
    .prefault('2s')
    .describe('How long a bucket waits after its end for what is on the way'),
});
export type RollupsConfig = z.infer<typeof rollupsConfigSchema>;

/** The `http` section: the API and the console. */
export const httpConfigSchema = z.strictObject({
  host: z.string().min(1).default('127.0.0.1').describe('Address to listen on; beyond loopback it takes insecure'),
  port: port.default(8080).describe('TCP port for HTTP; 0 takes any free one'),
  insecure: z
    .boolean()
    .default(false)
    .describe('Allows a host beyond loopback: the API has no authentication, so a proxy must'),
  allowedHosts: z
    .array(z.string().regex(/^[a-z0-9.-]+(:\d{1,5})?$|^\[[0-9a-f:]+\](:\d{1,5})?$/i, 'not a host name'))
    .default([])
    .describe('Names under which browsers reach the server, as name or name:port, beside its own address'),
  maxLiveClients: z.int().min(1).max(10_000).default(100).describe('Open live streams'),
  maxExports: z.int().min(1).max(100).default(4).describe('Exports served at once'),
});
export type HttpConfig = z.infer<typeof httpConfigSchema>;

/** The `fleet` section: what is held in memory for the live view. */
export const fleetConfigSchema = z.strictObject({
  maxDevices: z.int().min(1).default(20_000).describe('Devices that are shown'),
  maxSeries: z.int().min(1).default(200_000).describe('Series that are shown'),
  silentAfterMs: durationBetween('10s', '7d')
    .prefault('5m')
    .describe('A device that was silent for so long counts as offline'),
  resendAfterMs: durationBetween('0ms', '7d')
    .prefault('5m')
    .describe('Packs that a device holds and the store lacks for so long are asked for again; 0: never'),
});
export type FleetConfig = z.infer<typeof fleetConfigSchema>;

/** The `ops` section: metrics, health and readiness of a process without the console. */
export const opsConfigSchema = z.strictObject({
  host: z.string().min(1).default('127.0.0.1').describe('Address to listen on'),
  port: port.default(9090).describe('TCP port for /metrics, /healthz and /readyz; 0 takes any free one'),
});
export type OpsConfig = z.infer<typeof opsConfigSchema>;

/** The sections of the cloud side, each at the top level of the configuration. */
export const cloudConfigShape = {
  log: logConfigSchema.prefault({}).describe('Where readings wait for ingest and archive'),
  store: storeConfigSchema.prefault({}).describe('Where readings are kept and queried'),
  ingest: ingestConfigSchema.prefault({}).describe('From the log into the store'),
  rollups: rollupsConfigSchema.prefault({}).describe('What keeps minutes, hours and days up to date'),
  http: httpConfigSchema.prefault({}).describe('The HTTP API and the console'),
  fleet: fleetConfigSchema.prefault({}).describe('What is held in memory for the live view'),
  ops: opsConfigSchema.prefault({}).describe('Metrics and health of a process without the console'),
};
export const cloudConfigSchema = z.strictObject(cloudConfigShape);
export type CloudConfig = z.infer<typeof cloudConfigSchema>;
