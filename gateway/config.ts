import { z } from 'zod';
import { defaultSyncMarkers } from '#core/runtime/sync-markers.js';
import { maxPayloadBytes } from '#core/contract/transfer-coding.js';
import { externalSchema } from './external/external-config.js';
import { commandsSchema, devicesSchema } from './devices-config.js';
import { enrolmentSchema } from './enrolment/enrolment-config.js';
import { durationBetween } from '#core/runtime/durations.js';
import { sourceSchema, type SourceConfig } from './intake/foreign/registry.js';
import { releasesSchema, rolloutSchema } from './releases/releases-config.js';
import { spoolSchema } from './spool/spool-config.js';
import { aclSchema } from './identity/acl-config.js';
import { routingSchema } from './routing/routing-config.js';

const kib = 1024;
const mib = 1024 * kib;
const path = z.string().min(1);

const tlsSchema = z.strictObject({
  key: path.describe('PEM file with the private key of the gateway'),
  cert: path.describe('PEM file with the certificate of the gateway and those between it and the authority'),
  ca: path
    .optional()
    .describe(
      'PEM file with the authority of devices and clients: whoever shows a certificate that it signed needs no token',
    ),
  clients: z
    .enum(['required', 'accepted'])
    .default('required')
    .describe('With ca. required: all must show a certificate; accepted: those that have none show a token'),
});

const mqttSchema = z.strictObject({
  host: z
    .string()
    .min(1)
    .default('127.0.0.1')
    .describe('Address to listen on; beyond loopback it takes TLS and tokens, or insecure'),
  port: z.int().min(0).max(65_535).default(1883).describe('TCP port for MQTT 3.1.1; 0 takes any free one'),
  tls: tlsSchema.optional().describe('If set, the port speaks MQTT over TLS only'),
  auth: z
    .enum(['token', 'none'])
    .default('token')
    .describe('token: user name <site>/<device> and its token; none: the user name is believed'),
  anonymous: z
    .boolean()
    .default(false)
    .describe('Lets in connections without a user name, as clients; only with auth: none'),
  acl: aclSchema,
  insecure: z
    .boolean()
    .default(false)
    .describe('Allows a host beyond loopback without TLS or without tokens; said in the log at every start'),
});

const limitsSchema = z
  .strictObject({
    maxConnections: z
      .int()
      .min(1)
      .default(12_000)
      .describe('Open connections; each takes a file descriptor (ulimit -n)'),
    connectsPerSecond: z
      .number()
      .min(1)
      .default(500)
      .describe('Connections let in per second, first come first served; when all devices come back, the rest waits'),
    maxWaitingConnects: z
      .int()
      .min(1)
      .default(4000)
      .describe('Connections that wait for that; further ones are told to come back later'),
    maxDeviceConnections: z
      .int()
      .min(1)
      .default(4)
      .describe('Open connections of one device; beyond it the oldest is closed'),
    connectTimeoutMs: z.int().min(100).default(10_000).describe('Milliseconds from a connection to its whole CONNECT'),
    maxPayloadBytes: z
      .int()
      .min(kib)
      .max(maxPayloadBytes)
      .default(maxPayloadBytes)
      .describe('Bytes of one payload; a longer one is cut and set aside as a dead letter'),
    maxDeviceHeldBytes: z
      .int()
      .min(64 * kib)
      .default(8 * mib)
      .describe('Bytes held for one device until the log has them; beyond it the device is not read from'),
    maxDeviceHeldMessages: z.int().min(1).default(512).describe('The same in messages'),
    deviceMessagesPerSecond: z
      .number()
      .min(1)
      .default(20_000)
      .describe('Messages per second of one device in the long run; it is read no faster'),
    deviceBytesPerSecond: z
      .number()
      .min(kib)
      .default(64 * mib)
      .describe('The same in bytes'),
    maxHeldBytes: z
      .int()
      .min(mib)
      .default(256 * mib)
      .describe('Bytes held for all devices'),
    maxUnsentBytes: z
      .int()
      .min(64 * kib)
      .default(4 * mib)
      .describe('Bytes that one connection has yet to read; beyond it, it is closed'),
  })
  .refine((limits) => limits.maxDeviceHeldBytes >= 2 * limits.maxPayloadBytes, {
    path: ['maxDeviceHeldBytes'],
    message: 'must be at least twice maxPayloadBytes',
  })
  .refine((limits) => limits.maxHeldBytes >= limits.maxDeviceHeldBytes, {
    path: ['maxHeldBytes'],
    message: 'must be at least maxDeviceHeldBytes',
  });

const timeSchema = z.strictObject({
  trust: z
    .enum(['auto', 'system', 'synced', 'never'])
    .default('auto')
    .describe('When devices that ask are told the time by the clock of this machine; as edge.clock.trust. never: not'),
  syncMarkers: z
    .array(path)
    .default([...defaultSyncMarkers])
    .describe('Files that tell that the clock was set: below /run by being there, elsewhere by being written anew'),
});

const foreignSchema = z.strictObject({
  maxDevices: z.int().min(1).default(10_000).describe('Devices of all sources; messages of further ones are set aside'),
  maxSensors: z
    .int()
    .min(1)
    .max(5000)
    .default(1000)
    .describe('Sensors of each; readings of further ones are set aside'),
  heartbeatMs: durationBetween('100ms', '10m')
    .prefault('10s')
    .describe('How often the gateway says how many packs it made of each, so that a missing one is seen'),
});

const sourcesSchema = z.array(sourceSchema).superRefine((sources, context) => {
  const names = sources.map(nameOfSource);
  for (const [i, name] of names.entries()) {
    if (names.indexOf(name) < i) context.addIssue({ code: 'custom', path: [i], message: `another source is ${name}` });
  }
});

function nameOfSource({ type, name = type }: SourceConfig): string {
  return name;
}

const sectionSchema = z.strictObject({
  mqtt: mqttSchema.prefault({}).describe('The door for devices'),
  limits: limitsSchema
    .prefault({})
    .describe('What the gateway holds at most; beyond it devices wait, nothing is dropped'),
  routing: routingSchema
    .prefault({})
    .describe('What is kept of messages on topics that are neither ours nor a source’s, for clients that read them'),
  time: timeSchema.prefault({}).describe('Telling devices the time'),
  devices: devicesSchema.prefault({}).describe('Which devices may speak'),
  processes: z
    .int()
    .min(1)
    .max(64)
    .default(1)
    .describe('Processes behind the port, for `fieldline gateway run` only; limits are those of each'),
  enrolment: enrolmentSchema
    .optional()
    .describe('If set, devices get certificates for enrolment tokens, and renew them; see docs/gateway/enrolment.md'),
  external: externalSchema.optional().describe('If set, devices speak to this broker, and not to gateway.mqtt'),
  commands: commandsSchema.prefault({}).describe('Telling devices what to do'),
  sources: sourcesSchema
    .default([])
    .describe('What else may publish here, and how it is read; a topic belongs to the first source that takes it'),
  foreign: foreignSchema.prefault({}).describe('Devices that do not speak our contract, of all sources together'),
  spool: spoolSchema.prefault({}).describe('A disk that acknowledges while the log is away'),
  releases: releasesSchema.prefault({}).describe('What devices run, and where they get it'),
  rollout: rolloutSchema.prefault({}).describe('Bringing a release to many devices, stage by stage'),
});
/** The `gateway` section of the configuration. */
export const gatewayConfigSchema = sectionSchema.superRefine(({ enrolment, external, mqtt }, context) => {
  if (!enrolment) return;
  const refuse = (message: string) => context.addIssue({ code: 'custom', path: ['enrolment'], message });
  if (external) refuse('a broker elsewhere lets nobody in by enrolment: it takes the gateway’s own');
  else if (!mqtt.tls) refuse('takes gateway.mqtt.tls: neither token nor certificate is shown without TLS');
  else if (mqtt.auth !== 'token') refuse('takes gateway.mqtt.auth: token');
});
export type GatewayConfig = z.infer<typeof gatewayConfigSchema>;
