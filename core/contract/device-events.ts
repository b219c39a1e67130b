import { z } from 'zod';
import { catalogueSchema } from './catalogue.js';
import { timeAnswerIdSchema } from './time-answer.js';
import { catalogueHashSchema, epochSchema, type DeviceId } from './names.js';
import { releaseReportSchema } from './release.js';
import { bootIdSchema, clockOffsetSchema } from './uptime-stamps.js';

/** What the device says of its outbox: without it a lost tail would be invisible. */
const outboxState = {
  session: z.string().regex(/^[0-9a-f]{16}$/),
  epoch: epochSchema,
  /** The last pack number given out, -1 before the first. */
  lastSeq: z.int().min(-1),
  /** The oldest pack number still held, acknowledged or not; `lastSeq + 1` when none is. */
  oldestHeld: z.int().nonnegative(),
  timeUs: z.int(),
};

export const birthSchema = z.object({
  type: z.literal('birth'),
  ...outboxState,
  catalogueHash: catalogueHashSchema,
  catalogue: catalogueSchema,
  version: z.string().max(64),
});
export const heartbeatSchema = z.object({
  type: z.literal('heartbeat'),
  ...outboxState,
  /** Packs not yet acknowledged, and the outbox's bytes on disk. */
  pending: z.int().nonnegative(),
  bytes: z.int().nonnegative(),
});
/** The last will, or a polite goodbye. One of an older session than the device's newest birth is ignored. */
export const offlineSchema = z.object({ type: z.literal('offline'), session: outboxState.session });
/** Ties monotonic stamps of one boot to the wall clock: time = offsetUs + monotonic. */
export const clockSchema = z.object({
  type: z.literal('clock'),
  session: outboxState.session,
  bootId: bootIdSchema,
  offsetUs: clockOffsetSchema,
  /** Where the time came from, and by how much it may be wrong, as far as that is known. */
  source: z.enum(['system', 'gateway']),
  errorUs: z.int().nonnegative().optional(),
});
/** Asks the gateway for the time; it answers on `command/<id>` with a `timeAnswerSchema`. Not an event: nobody keeps it. */
export const clockQuerySchema = z.object({ type: z.literal('clock-query'), id: timeAnswerIdSchema });
/** What became of the newest desired config that came; see docs/decisions/009-remote-config.md. */
export const configReportSchema = z.object({
  type: z.literal('config'),
  session: outboxState.session,
  /** 0 if the message could not be read so far. */
  version: z.int().nonnegative(),
  hash: z.string().regex(/^[0-9a-f]{32}$/),
  /** `applied`: in force, and once `confirmed`, the config to go back to; `rolled-back`: it was, the one before is again. */
  status: z.enum(['applied', 'rejected', 'rolled-back']),
  confirmed: z.boolean(),
  reason: z.string().max(1000).optional(),
  timeUs: z.int(),
});

/** What a device publishes on its state topic. */
export const deviceStateSchema = z.discriminatedUnion('type', [
  birthSchema,
  heartbeatSchema,
  offlineSchema,
  clockSchema,
  clockQuerySchema,
  configReportSchema,
  releaseReportSchema,
]);
export type DeviceState = z.infer<typeof deviceStateSchema>;
export type Birth = z.infer<typeof birthSchema>;
export type Heartbeat = z.infer<typeof heartbeatSchema>;
export type ClockRecord = z.infer<typeof clockSchema>;
export type ClockQuery = z.infer<typeof clockQuerySchema>;
export type ConfigReport = z.infer<typeof configReportSchema>;

/**
 * The kinds of records in the compacted topic `device-events`. `config` is what is desired, `config-report` what became of
 * it; `credential` what a device may show to speak, `registration` what operators said of it, `command` what it is told; `release` what it is to
 * run, and `release-report` what became of that.
 */
export const deviceEventKinds = [
  'catalogue',
  'birth',
  'heartbeat',
  'offline',
  'clock',
  'config',
  'config-report',
  'credential',
  'registration',
  'command',
  'command-result',
  'release',
  'release-report',
] as const;
export type DeviceEventKind = (typeof deviceEventKinds)[number];

/**
 * The compaction key `<site>/<device>/<kind>/<id>`. A catalogue's id is its hash and a clock's its boot id, so that
 * they stay while data refers to them; of the others only the newest counts.
 */
export function deviceEventKey(device: DeviceId, kind: DeviceEventKind, id = 'current'): string {
  return `${device.site}/${device.device}/${kind}/${id}`;
}
