import { z } from 'zod';
import { ContractError } from './contract-error.js';
import { deviceKey, epochSchema, nameSchema, type DeviceId } from './names.js';
import { maxPayloadBytes } from './transfer-coding.js';
import { bootIdSchema, checkUptimeStamp, resolveStamp } from './uptime-stamps.js';

/** One change of an alert: its identity in every store is (site, device, sensor, rule, timeUs, state). */
export const alertSchema = z.object({
  sensor: nameSchema,
  rule: nameSchema,
  state: z.enum(['raised', 'cleared']),
  severity: z.enum(['info', 'warning', 'critical']),
  timeUs: z.int(),
  value: z.number(),
  threshold: z.number(),
  message: z.string().max(512),
});
export type Alert = z.infer<typeof alertSchema>;

/** What a device publishes on its alert topic: numbered in the same sequence as its data packs. */
export const alertPackSchema = z.object({
  site: nameSchema,
  device: nameSchema,
  epoch: epochSchema,
  seq: z.int().nonnegative(),
  /** Set while the device does not know the time: the boot that all stamps count from, see `uptimeStamp`. */
  bboot: bootIdSchema.optional(),
  alerts: z.array(alertSchema).min(1).max(1000),
});
export type AlertPack = z.infer<typeof alertPackSchema>;

/** An alert with the device that spoke: what the stores and the console hold. */
export type DeviceAlert = Alert & DeviceId;

export function encodeAlertPack(pack: AlertPack): Uint8Array {
  return Buffer.from(JSON.stringify(pack));
}

/** Throws {@link ContractError} `too-large`, `not-json`, `schema` or `wrong-identity`. */
export function decodeAlertPack(payload: Uint8Array, expected?: DeviceId): AlertPack {
  const pack = parseJson(payload, alertPackSchema, 'alert');
  if (expected && deviceKey(expected) !== deviceKey(pack)) {
    throw new ContractError('wrong-identity', `${deviceKey(expected)} sent an alert of ${deviceKey(pack)}`);
  }
  if (pack.bboot !== undefined) for (const { timeUs, sensor } of pack.alerts) checkUptimeStamp(timeUs, sensor);
  return pack;
}

/** The same alerts with their true times, now that the clock of their boot is known. */
export function resolveAlertPack({ bboot, ...pack }: AlertPack, offsetUs: number): AlertPack {
  if (bboot === undefined) return pack;
  return { ...pack, alerts: pack.alerts.map((one) => ({ ...one, timeUs: resolveStamp(one.timeUs, offsetUs) })) };
}

/** Parses a bounded JSON payload by its schema; the one way in for the JSON messages of the contract. */
export function parseJson<T>(payload: Uint8Array, schema: z.ZodType<T>, what: string): T {
  if (payload.byteLength > maxPayloadBytes)
    throw new ContractError('too-large', `${what} of ${payload.byteLength} bytes`);
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(payload).toString('utf8'));
  } catch (cause) {
    throw new ContractError('not-json', `${what} is not JSON`, { cause });
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  throw new ContractError('schema', `${what} ${issue.path.join('.')}: ${issue.message}`);
}
