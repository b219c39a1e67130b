import type { ReleaseReport } from './release.js';
import { isUnderway, type Rollout } from './rollout-book.js';
import { backId, type RolloutDevice } from './rollout.js';

/**
 * Where a device of a rollout is: `waiting` for its turn; `announced`, and nothing came back yet; `fetching` and `trying` as it
 * reported; `confirmed`: it runs the release and the gateway acknowledged data of it; `complete`: and nothing of what it sent
 * since the rollout began is missing. `failed`: it refused, or went back by itself. `elsewhere`: somebody desired another
 * release of it, or none, since. `reverting` and `reverted`: to what it ran before.
 */
export const deviceStates = [
  'waiting',
  'announced',
  'fetching',
  'trying',
  'confirmed',
  'complete',
  'failed',
  'elsewhere',
  'reverting',
  'reverted',
] as const;
export type DeviceState = (typeof deviceStates)[number];

/** What is known of a device beside the rollout. */
export interface StateFacts {
  /** What it is to run, and when the log took that; without `id` it is to keep what it has. */
  readonly desired: { readonly id?: string; readonly atUs: number } | undefined;
  readonly reported: Pick<ReleaseReport, 'id' | 'version' | 'status'> | undefined;
  /** Whether nothing is missing of what it sent since; counts only once it is `confirmed`. */
  readonly isComplete: boolean;
}

export function stateOf(rollout: Rollout, device: RolloutDevice, facts: StateFacts): DeviceState {
  const { desired, reported, isComplete } = facts;
  const { id, head } = rollout;
  const back = backId(id);
  if (reported?.id === back) return reported.status === 'confirmed' ? 'reverted' : 'reverting';
  if (desired?.id === back) return 'reverting';
  if (reported?.id === id && reported.version === head.version) {
    if (reported.status === 'confirmed') return isComplete || !head.completeness ? 'complete' : 'confirmed';
    if (reported.status === 'rolled-back' || reported.status === 'refused') return 'failed';
    return reported.status;
  }
  if (desired?.id === id) return 'announced';
  // What is wound up takes desires back by itself.
  if (desired?.id === undefined && !isUnderway(rollout)) return 'waiting';
  const openedUs = rollout.openedUs.get(device.stage) ?? Infinity;
  return desired !== undefined && desired.atUs > openedUs ? 'elsewhere' : 'waiting';
}

/** The stage that is open now: the last that was opened; -1 before the first. */
export function openStage({ openedUs }: Rollout): number {
  return Math.max(-1, ...openedUs.keys());
}

export type StageStatus = 'waiting' | 'open' | 'passed';

export function stageStatus(rollout: Rollout, stage: number): StageStatus {
  const open = openStage(rollout);
  if (stage > open) return 'waiting';
  return stage < open || rollout.end?.status === 'done' ? 'passed' : 'open';
}

export type RolloutStatus = 'running' | 'paused' | 'done' | 'failed' | 'aborted';

export function statusOf({ end, order }: Pick<Rollout, 'end' | 'order'>): RolloutStatus {
  if (order?.want === 'abort') return 'aborted';
  return end?.status ?? (order?.want === 'pause' ? 'paused' : 'running');
}

function countStates(states: Iterable<DeviceState>): Partial<Record<DeviceState, number>> {
  const counts: Partial<Record<DeviceState, number>> = {};
  for (const state of states) counts[state] = (counts[state] ?? 0) + 1;
  return counts;
}

/** A stage as the APIs tell it. */
export interface StageView {
  readonly name: string;
  readonly select: string;
  readonly status: StageStatus;
  /** Null until the log took its opening. */
  readonly openedUs: number | null;
  readonly devices: number;
  readonly offline: number;
  /** How many devices are in each state; those of no device are left out. */
  readonly states: Readonly<Partial<Record<DeviceState, number>>>;
}

/** `devices` are those of this stage. */
export function viewStage(
  rollout: Rollout,
  stage: number,
  devices: readonly { readonly state: DeviceState; readonly online: boolean }[],
): StageView {
  const openedUs = rollout.openedUs.get(stage) ?? Infinity;
  return {
    ...rollout.head.stages[stage]!,
    status: stageStatus(rollout, stage),
    openedUs: Number.isFinite(openedUs) ? openedUs : null,
    devices: devices.length,
    offline: devices.filter(({ online }) => !online).length,
    states: countStates(devices.map(({ state }) => state)),
  };
}
