import { z } from 'zod';
import { deviceKey } from '#core/contract/names.js';
import { releaseVersionSchema, type ReleaseArch, type SignedRelease } from '#core/contract/release.js';
import {
  rolloutKey,
  type RolloutBack,
  type RolloutDevice,
  type RolloutHead,
  type RolloutOrder,
} from '#core/contract/rollout.js';
import { rolloutRecord, type Rollout } from '#core/contract/rollout-book.js';
import type { LogRecord } from '#core/log/log.js';
import type { KeptRelease } from '../releases/release-folder.js';
import type { DesiredReleases } from '../desired/desired-releases.js';
import { DoorFault } from '../operator-door.js';
import type { FleetBook, KnownDevice } from './fleet-book.js';
import { planStages } from './plan.js';
import { parseSelector, SelectorError } from './selector.js';

/** What an operator asks for. */
export const rolloutRequestSchema = z.strictObject({
  version: releaseVersionSchema,
  stages: z
    .array(z.strictObject({ name: z.string().max(200).optional(), select: z.string().min(1).max(1000) }))
    .min(1)
    .max(50),
  only: z.string().min(1).max(1000).default('all'),
  trialMs: z
    .int()
    .min(10_000)
    .max(24 * 3_600_000)
    .default(600_000),
  maxFailures: z.int().nonnegative().default(0),
  maxWaitMs: z.int().positive().optional(),
  completeness: z.boolean().default(true),
  sources: z
    .array(z.url({ protocol: /^https?$/ }))
    .min(1)
    .max(8)
    .optional(),
  dryRun: z.boolean().default(false),
});
export type RolloutRequest = z.infer<typeof rolloutRequestSchema>;

/** Devices that a rollout does not touch, by the reason: not one is left out without a word. */
export interface LeftOut {
  /** Never told what it runs on: its agent takes no releases. */
  readonly cannotUpgrade: number;
  /** There is no release for its architecture. */
  readonly noArch: number;
  /** Runs the version already. */
  readonly already: number;
  readonly retired: number;
  /** Meets no stage. */
  readonly noStage: number;
}

export interface NewRollout {
  readonly head: Omit<RolloutHead, 'by' | 'createdUs'>;
  readonly devices: readonly RolloutDevice[];
  readonly leftOut: LeftOut;
}

export interface PlanSeams {
  readonly fleet: FleetBook;
  readonly desired: DesiredReleases;
  readonly isRetired: (device: KnownDevice) => boolean;
  /** Where devices get parts, if the request does not say. */
  readonly url: string | undefined;
}

const devicesOfChunk = 500;

/** Throws DoorFault: 400 for bad words, 409 for what cannot be done now. */
export function planRollout(request: RolloutRequest, kept: readonly KeptRelease[], seams: PlanSeams): NewRollout {
  const releases = releasesOf(request.version, kept);
  const sources = request.sources ?? (seams.url === undefined ? undefined : [seams.url]);
  if (!sources) throw new DoorFault(409, 'say where devices get the parts: set gateway.releases.url, or give sources');
  const { chosen, leftOut } = choose(request, releases, seams);
  const stageOf = checked(() => planStages(chosen, request.stages));
  const devices = chosen
    .filter((device) => stageOf.has(deviceKey(device)))
    .map((device) => placeOf(device, stageOf.get(deviceKey(device))!, seams.desired));
  const { version, trialMs, maxFailures, maxWaitMs, completeness } = request;
  const stages = request.stages.map(({ name, select }) => ({ name: name ?? select, select }));
  const head = {
    ...{ type: 'rollout' as const, format: 1 as const, version, releases, sources, trialMs, stages, maxFailures },
    ...{ completeness, chunks: Math.ceil(devices.length / devicesOfChunk), ...(maxWaitMs && { maxWaitMs }) },
  };
  return { head, devices, leftOut: { ...leftOut, noStage: chosen.length - devices.length } };
}

/** In two groups: the second only makes the rollout, so a crash between leaves none that is half. */
export function recordsOf(id: string, head: RolloutHead, devices: readonly RolloutDevice[]): LogRecord[][] {
  const chunks = Array.from({ length: head.chunks }, (_, n) =>
    rolloutRecord(rolloutKey(id, 'devices', n), {
      devices: devices.slice(n * devicesOfChunk, (n + 1) * devicesOfChunk),
    }),
  );
  return [chunks, [rolloutRecord(rolloutKey(id, 'head'), head)]];
}

export function orderRecord(id: string, order: RolloutOrder): LogRecord {
  return rolloutRecord(rolloutKey(id, 'order'), order);
}

/** What the touched devices of a rollout ran before, as far as it is here; the rest by name. */
export function releasesBefore(
  devices: readonly RolloutDevice[],
  kept: readonly KeptRelease[],
): { back: RolloutBack[]; missing: string[] } {
  const wanted = new Set(devices.map(({ from, arch }) => `${from} ${arch}`));
  const found = new Map<string, RolloutBack['releases']>();
  for (const { manifest, release, complete } of kept) {
    if (!complete || !wanted.delete(`${manifest.version} ${manifest.arch}`)) continue;
    found.set(manifest.version, { ...found.get(manifest.version), [manifest.arch]: release });
  }
  return { back: [...found].map(([version, releases]) => ({ version, releases })), missing: [...wanted].sort() };
}

/** Tombstones for all that stands of a rollout. */
export function removalOf({ id, head, openedUs, back }: Rollout): LogRecord[] {
  const keys = [
    // The head first: without it there is no rollout.
    ...['head', 'order', 'end'].map((kind) => rolloutKey(id, kind as 'head')),
    ...Array.from({ length: head.chunks }, (_, n) => rolloutKey(id, 'devices', n)),
    ...[...openedUs.keys()].map((n) => rolloutKey(id, 'stage', n)),
    ...back.map((_, n) => rolloutKey(id, 'back', n)),
  ];
  return keys.map((key) => ({ key, value: new Uint8Array() }));
}

function releasesOf(version: string, kept: readonly KeptRelease[]): Partial<Record<ReleaseArch, SignedRelease>> {
  const of = kept.filter(({ manifest, complete }) => complete && manifest.version === version);
  if (of.length === 0) throw new DoorFault(409, `no release ${version} is here: fieldline release push brings one`);
  return Object.fromEntries(of.map(({ manifest, release }) => [manifest.arch, release]));
}

function choose(request: RolloutRequest, releases: RolloutHead['releases'], seams: PlanSeams) {
  const only = checked(() => parseSelector(request.only));
  const counts = { cannotUpgrade: 0, noArch: 0, already: 0, retired: 0 };
  const why = (device: KnownDevice): keyof typeof counts | undefined => {
    const reported = seams.desired.reported(device);
    if (seams.isRetired(device)) return 'retired';
    if (!reported) return 'cannotUpgrade';
    if (!releases[reported.arch]) return 'noArch';
    const wanted = seams.desired.desired(device)?.version;
    return reported.running === request.version && (wanted ?? request.version) === request.version
      ? 'already'
      : undefined;
  };
  const chosen = [...seams.fleet.all()].filter(only).filter((device) => {
    const reason = why(device);
    if (reason) counts[reason] += 1;
    return reason === undefined;
  });
  return { chosen, leftOut: counts };
}

function placeOf(device: KnownDevice, stage: number, desired: DesiredReleases): RolloutDevice {
  const { arch, running } = desired.reported(device)!;
  const { site, device: name, epoch, lastSeq: seq } = device;
  return { site, device: name, arch, stage, from: running, epoch, seq };
}

function checked<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof SelectorError) throw new DoorFault(400, error.message);
    throw error;
  }
}
