import type { RolloutDevice } from '#core/contract/rollout.js';
import type { Rollout } from '#core/contract/rollout-book.js';
import {
  openStage,
  stateOf,
  statusOf,
  viewStage,
  type DeviceState,
  type RolloutStatus,
  type StageView,
} from '#core/contract/rollout-state.js';
import type { Rollouts } from './rollouts.js';

/** A rollout as the HTTP API tells it. */
export interface RolloutView {
  readonly id: string;
  readonly version: string;
  readonly status: RolloutStatus;
  /** Why it ended, for a person. */
  readonly reason: string | null;
  readonly createdUs: number;
  readonly by: string;
  readonly trialMs: number;
  readonly maxFailures: number;
  readonly maxWaitMs: number | null;
  readonly completeness: boolean;
  readonly archs: readonly string[];
  /** The stage that is open now, from 0; -1 before the first. */
  readonly stage: number;
  readonly stages: readonly StageView[];
  readonly devices: readonly RolloutDeviceView[];
}

export interface RolloutDeviceView {
  readonly site: string;
  readonly device: string;
  readonly arch: string;
  readonly stage: number;
  readonly from: string;
  readonly state: DeviceState;
  readonly online: boolean;
  /** What the device said of it. */
  readonly reason: string | null;
  /** Packs since the rollout began; null before they are looked at. */
  readonly received: number | null;
  readonly expected: number | null;
}

export function viewRollout(rollout: Rollout, rollouts: Rollouts): RolloutView {
  const { id, head, end } = rollout;
  const views = rollout.devices.map((devices) => devices.map((device) => viewDevice(rollout, device, rollouts)));
  const { version, createdUs, by, trialMs, maxFailures, maxWaitMs = null, completeness, releases } = head;
  const stages = views.map((devices, stage) => viewStage(rollout, stage, devices));
  return {
    ...{ id, version, status: statusOf(rollout), reason: end?.reason ?? null, createdUs, by, trialMs, maxFailures },
    ...{
      maxWaitMs,
      completeness,
      archs: Object.keys(releases),
      stage: openStage(rollout),
      stages,
      devices: views.flat(),
    },
  };
}

function viewDevice(rollout: Rollout, device: RolloutDevice, rollouts: Rollouts): RolloutDeviceView {
  const facts = rollouts.factsOf(rollout, device);
  const { reported, since, isOnline: online } = facts;
  const { site, device: name, arch, stage, from } = device;
  const isOfThis = reported?.id.startsWith(rollout.id) === true;
  return {
    ...{ site, device: name, arch, stage, from, state: stateOf(rollout, device, facts), online },
    reason: (isOfThis && reported.reason) || null,
    received: since?.received ?? null,
    expected: since?.expected ?? null,
  };
}

/** For a list: without its devices. */
export function summaryOf({ devices, ...view }: RolloutView): object {
  return { ...view, devices: devices.length };
}
