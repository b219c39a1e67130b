import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { nameSchema } from '#core/contract/names.js';
import { parseConfig } from '#core/runtime/config.js';
import { durationBetween } from '#core/runtime/durations.js';
import { FatalError, messageOf } from '#core/runtime/errors.js';
import { profileSchema } from '#core/runtime/profile.js';
import { cloudConfigShape } from '../cloud/config.js';
import { edgeConfigSchema } from '../edge/config.js';
import { gatewayConfigSchema } from '../gateway/config.js';
import { scenarios, type ScenarioName } from '../simulators/scenarios/registry.js';

const gib = 1024 ** 3;

const storageSchema = z.strictObject({
  maxBytes: z
    .int()
    .min(64 * 1024 ** 2)
    .default(8 * gib)
    .describe('Byte budget of log and store on this disk. At 90 % the oldest that may go goes; beyond it intake stops'),
});

const simulatorSchema = z.strictObject({
  enabled: z.boolean().default(true).describe('Whether `fieldline up` runs simulated devices beside this machine'),
  scenario: z
    .enum(Object.keys(scenarios) as [ScenarioName, ...ScenarioName[]])
    .default('smart-building')
    .describe('What is simulated'),
  site: nameSchema.default('demo').describe('Site of the simulated devices'),
  sensors: z.int().min(1).max(100_000).default(200).describe('Number of sensors'),
  sensorsPerDevice: z.int().min(1).max(10_000).default(20).describe('Sensors of one device'),
  every: durationBetween('10ms', '1h').prefault('1s').describe('Sampling interval'),
  seed: z.int().min(0).default(1).describe('Seed of all values'),
  spikes: z.number().min(0).max(1).default(0.0002).describe('Probability of a spike per reading'),
});

const reportsSchema = z.strictObject({
  enabled: z.boolean().default(true).describe('Whether the hourly report is made by the clock'),
  cron: z.string().default('5 0 * * *').describe('When, as five cron fields, UTC'),
  hours: z.int().min(1).max(8760).default(24).describe('Hours that a report covers'),
  directory: z.string().min(1).optional().describe('Where reports go; `reports` in the data directory unless set'),
});

const edgeSchema = z.strictObject({
  enabled: z.boolean().default(true).describe('Whether `fieldline up` runs an edge agent for this machine'),
  ...edgeConfigSchema.shape,
  site: edgeConfigSchema.shape.site.default('local'),
  device: edgeConfigSchema.shape.device.optional().describe('Name of the device; the name of the host unless set'),
  sensors: edgeConfigSchema.shape.sensors
    .unwrap()
    .prefault([{ driver: 'host', intervalMs: '1s' }])
    .describe('What the device measures. Default: the host itself'),
});

/** Everything that `fieldline.yaml` may say. */
export const fieldlineConfigSchema = z.strictObject({
  profile: profileSchema.default('embedded').describe('embedded: all in npm packages; cluster: Kafka and InfluxDB'),
  data: z.string().min(1).default('./data').describe('Data directory'),
  deviceSecretFile: z
    .string()
    .min(1)
    .optional()
    .describe('The secret of the device passwords; `secrets/device-secret` in the data directory unless set'),
  storage: storageSchema.prefault({}).describe('The disk'),
  edge: edgeSchema.prefault({}).describe('The edge agent of this machine'),
  gateway: gatewayConfigSchema.prefault({}).describe('What devices speak to'),
  ...cloudConfigShape,
  simulator: simulatorSchema.prefault({}).describe('Simulated devices in `fieldline up`'),
  reports: reportsSchema.prefault({}).describe('Reports by the clock'),
});
export type FieldlineConfig = z.infer<typeof fieldlineConfigSchema>;

/** Reads and checks the file, or takes the defaults. Throws ConfigError with all faults, FatalError if it cannot be read. */
export async function loadConfig(file: string | undefined): Promise<FieldlineConfig> {
  if (file === undefined) return fieldlineConfigSchema.parse({});
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new FatalError('bad-config', `cannot read the configuration: ${messageOf(error)}`);
  });
  return parseConfig(fieldlineConfigSchema, text, file);
}
