import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { parseConfig } from '#core/runtime/config.js';
import { FatalError, messageOf } from '#core/runtime/errors.js';
import { edgeConfigSchema } from '../config.js';

const opsSchema = z.strictObject({
  host: z.string().min(1).default('127.0.0.1').describe('Address to listen on; it has no authentication'),
  port: z.int().min(0).max(65_535).default(9090).describe('TCP port for /metrics, /healthz and /readyz'),
});

/** Everything that `edge.yaml` on a device may say. */
export const deviceConfigSchema = z.strictObject({
  edge: edgeConfigSchema.describe('The edge agent of this device'),
  ops: opsSchema.optional().describe('Metrics and health on this device; none unless set'),
});
export type DeviceConfig = z.infer<typeof deviceConfigSchema>;

/** Reads and checks the file. Throws ConfigError with all faults, FatalError `bad-config` if it cannot be read. */
export async function loadDeviceConfig(file: string): Promise<DeviceConfig> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    const next = 'give the path of an edge.yaml that this user may read with --config';
    throw new FatalError('bad-config', `cannot read the configuration: ${messageOf(cause)}; ${next}`, { cause });
  });
  return parseConfig(deviceConfigSchema, text, file);
}
