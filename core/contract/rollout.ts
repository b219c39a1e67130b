import { z } from 'zod';
import { heartbeatSchema } from './device-events.js';
import { epochSchema, nameSchema } from './names.js';
import { releaseArchs, releaseVersionSchema, signedReleaseSchema } from './release.js';

/**
 * The records of a rollout in the compacted topic `device-events`. Each says one thing that no other overwrites, so that
 * several gateways and operators may write at once: what is to be done (`head`, `devices`), what operators want (`order`),
 * which stages were opened (`stage`), how it ended (`end`), and what to go back to (`back`).
 */
export type RolloutRecordKind = 'head' | 'devices' | 'order' | 'stage' | 'end' | 'back';

/** Where the site stands in the key of a device's record: no site has this name. */
const rollouts = '_rollouts';

/** At most so long that its `-back` fits into the id of a desired release. */
export const rolloutIdSchema = z.string().regex(/^[0-9a-z][0-9a-z-]{0,33}$/);

/** The compaction key; `n` tells several of a kind apart. */
export function rolloutKey(id: string, kind: RolloutRecordKind, n = 0): string {
  return `${rollouts}/${id}/${kind}/${n}`;
}

/** Whether a record of `device-events` is of a rollout, and so of no device. */
export function isRolloutKey(key: string): boolean {
  return key.startsWith(`${rollouts}/`);
}

/** Reverses {@link rolloutKey}; undefined for the key of anything else. */
export function parseRolloutKey(key: string): { id: string; kind: string; n: number } | undefined {
  const [first, id, kind, n, ...rest] = key.split('/');
  if (first !== rollouts || !rolloutIdSchema.safeParse(id).success || kind === undefined) return undefined;
  return rest.length > 0 || !/^\d{1,6}$/.test(n ?? '') ? undefined : { id: id!, kind, n: Number(n) };
}

/** The id of the desired release that takes a device of the rollout back to what it ran before. */
export function backId(rolloutId: string): string {
  return `${rolloutId}-back`;
}

export const rolloutStageSchema = z.object({
  /** For people. */
  name: z.string().max(200),
  /** Selectors, one of which a device must meet, or `<n>%` of all devices of the rollout, those of earlier stages counted. */
  select: z.string().min(1).max(1000),
});
export type RolloutStage = z.infer<typeof rolloutStageSchema>;

const byArch = z.partialRecord(z.enum(releaseArchs), signedReleaseSchema);

export const rolloutHeadSchema = z.object({
  type: z.literal('rollout'),
  format: z.literal(1),
  version: releaseVersionSchema,
  /** The release for each architecture, so that any gateway can announce it. */
  releases: byArch,
  sources: z.array(z.url()).min(1).max(8),
  trialMs: z.int().positive(),
  stages: z.array(rolloutStageSchema).min(1).max(50),
  /** Of devices that did not take the release; one more stops the rollout. */
  maxFailures: z.int().nonnegative(),
  /** Devices that are offline are not waited for after this, from the opening of their stage; without it, for ever. */
  maxWaitMs: z.int().positive().optional(),
  /** Whether a stage needs to be complete, too. */
  completeness: z.boolean(),
  createdUs: z.int(),
  by: z.string().max(256),
  /** Records of the kind `devices`. */
  chunks: z.int().nonnegative(),
});
export type RolloutHead = z.infer<typeof rolloutHeadSchema>;

/** A device of a rollout as it was when the rollout was made. */
export const rolloutDeviceSchema = z.object({
  site: nameSchema,
  device: nameSchema,
  arch: z.enum(releaseArchs),
  /** The stage, from 0. */
  stage: z.int().nonnegative(),
  /** What it ran. */
  from: z.string().max(64),
  /** Its last pack: from here on nothing may be missing. */
  epoch: epochSchema.optional(),
  seq: z.int().min(-1).optional(),
});
export type RolloutDevice = z.infer<typeof rolloutDeviceSchema>;
export const rolloutDevicesSchema = z.object({ devices: z.array(rolloutDeviceSchema) });

/** What operators want; the newest counts, but nothing after `abort`. */
export const rolloutOrderSchema = z.object({
  want: z.enum(['run', 'pause', 'abort']),
  /** With `abort`: whether devices go back to what they ran before. */
  revert: z.boolean().default(false),
  atUs: z.int(),
  by: z.string().max(256),
});
export type RolloutOrder = z.infer<typeof rolloutOrderSchema>;

export const rolloutOpenedSchema = z.object({ openedUs: z.int() });
export const rolloutEndSchema = z.object({
  status: z.enum(['done', 'failed']),
  reason: z.string().max(1000),
  atUs: z.int(),
});
export type RolloutEnd = z.infer<typeof rolloutEndSchema>;

/** A release that devices of a rollout go back to. */
export const rolloutBackSchema = z.object({
  version: releaseVersionSchema,
  releases: byArch,
});
export type RolloutBack = z.infer<typeof rolloutBackSchema>;

/** From where on nothing may be missing: the last pack that a device had made in an epoch; -1 is before the first. */
export interface PackMark {
  readonly epoch: string | undefined;
  readonly seq: number;
}

/** What the store has of what a device sent since a mark: the answer of `GET /api/v1/completeness`. */
export const completenessSinceSchema = z.object({
  /** Of the device, as the cloud heard it last. */
  session: heartbeatSchema.shape.session,
  epoch: epochSchema,
  /** The last number that is known to be given out; -1 before the first. */
  lastSeq: z.int().min(-1),
  received: z.int().nonnegative(),
  expected: z.int().nonnegative(),
  /** The first number behind the mark that is not in the store; null if none is missing. */
  firstMissing: z.int().nonnegative().nullable(),
  /** Whether nothing is missing. What is on its way is, for a moment. */
  holds: z.boolean(),
});
export type CompletenessSince = Readonly<z.infer<typeof completenessSinceSchema>>;
