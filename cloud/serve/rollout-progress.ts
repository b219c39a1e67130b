import { z } from 'zod';
import { inTransit } from '#core/contract/arrival.js';
import type { DeviceId } from '#core/contract/names.js';
import type { RolloutDevice } from '#core/contract/rollout.js';
import { isUnderway, type Rollout } from '#core/contract/rollout-book.js';
import {
  openStage,
  stateOf,
  statusOf,
  viewStage,
  type DeviceState,
  type RolloutStatus,
  type StageView,
} from '#core/contract/rollout-state.js';
import { answerJson, queryOf, type ApiContext, type Route } from './api-context.js';
import { countSince } from './completeness-since.js';
import { presentLedger } from './devices-route.js';
import type { Fleet } from './fleet.js';
import type { ReportedRelease } from './fleet-releases.js';
import type { Ledger } from './ledger-cache.js';
import { parseParameters } from './parameters.js';

/** A rollout as it stands in the log, and as the devices tell. */
export interface RolloutProgress {
  readonly id: string;
  readonly version: string;
  readonly status: RolloutStatus;
  /** Why it ended, for a person. */
  readonly reason: string | null;
  /** Of one that was aborted: whether devices go back to what they ran before. */
  readonly reverts: boolean;
  readonly createdUs: number;
  /** When it came into its status. */
  readonly sinceUs: number;
  readonly devices: number;
  /** Whether a device that runs the release must lack no pack, too. */
  readonly completeness: boolean;
  /** The stage that is open now, from 0; -1 before the first. */
  readonly stage: number;
  /** Null of one that is over and not the newest: its devices have gone on. */
  readonly stages: readonly StageView[] | null;
}

/** A device that is not through: it failed, or a stage waits for it. */
export interface HeldDevice extends DeviceId {
  readonly rollout: string;
  readonly title: string | null;
  readonly stage: number;
  readonly state: DeviceState;
  /** What it said of the release of this rollout; null before it did. */
  readonly said: ReportedRelease['status'] | null;
  readonly online: boolean;
  readonly reason: string | null;
  /** When it came into this state; null while that is not known. */
  readonly sinceUs: number | null;
  /** Packs since the rollout began that are not stored and are not just on their way; null unless it is `confirmed`. */
  readonly missing: number | null;
}

export interface RolloutProgressAnswer {
  /** The newest first; all that are under way, and the newest that are over. */
  readonly rollouts: readonly RolloutProgress[];
  /** Of those with stages, at most {@link maxHeld}. */
  readonly held: readonly HeldDevice[];
  /** How many more there are. */
  readonly heldMore: number;
}

/** More devices that are not through are counted, and not named. */
export const maxHeld = 50;
const maxAgeMs = 900;

/** What needs a look first. */
const heldOrder: readonly DeviceState[] = [
  'failed',
  'confirmed',
  'reverting',
  'trying',
  'fetching',
  'announced',
  'elsewhere',
];

const parameters = z.object({});

/**
 * `GET /api/v1/rollout-progress`: computed at most once a second, however many ask; of thousands of devices more seldom, so
 * that it never takes more than a twentieth of the process.
 */
export function rolloutProgressRoute(api: ApiContext): Route {
  const { clock, fleet } = api;
  let last: Promise<RolloutProgressAnswer> | undefined;
  let untilMs = -Infinity;
  const compute = async (): Promise<RolloutProgressAnswer> => {
    const ledger = await presentLedger(api);
    const fromMs = clock.monotonicMs();
    const answer = viewProgress(fleet, ledger);
    untilMs = fromMs + Math.max(maxAgeMs, 20 * (clock.monotonicMs() - fromMs));
    return answer;
  };
  return async (c) => {
    parseParameters(parameters, queryOf(c));
    if (!last || clock.monotonicMs() > untilMs) {
      untilMs = Infinity;
      last = compute();
      // What failed is asked anew.
      last.catch(() => (untilMs = -Infinity));
    }
    return answerJson(await last);
  };
}

/** Without a ledger no device is known to be complete. */
export function viewProgress(fleet: Fleet, ledger: Ledger | undefined): RolloutProgressAnswer {
  const views = fleet.releases.rollouts().map((rollout, index) => {
    const devices =
      index === 0 || isUnderway(rollout)
        ? rollout.devices.map((stage) => stage.map((device) => viewDevice(rollout, device, fleet, ledger)))
        : undefined;
    return { rollout: viewRollout(rollout, devices), held: devices?.flat().filter(isHeld) ?? [] };
  });
  const held = views.flatMap((view) => view.held);
  held.sort((a, b) => heldOrder.indexOf(a.state) - heldOrder.indexOf(b.state));
  return {
    rollouts: views.map(({ rollout }) => rollout),
    held: held.slice(0, maxHeld),
    heldMore: Math.max(0, held.length - maxHeld),
  };
}

function viewRollout(rollout: Rollout, devices: readonly (readonly HeldDevice[])[] | undefined): RolloutProgress {
  const { id, head, order, end } = rollout;
  const status = statusOf(rollout);
  const orderedUs = status === 'aborted' || status === 'paused' ? order?.atUs : undefined;
  return {
    ...{ id, version: head.version, status, reason: end?.reason ?? null, createdUs: head.createdUs },
    reverts: status === 'aborted' && order?.revert === true,
    sinceUs: orderedUs ?? end?.atUs ?? head.createdUs,
    devices: rollout.devices.reduce((sum, stage) => sum + stage.length, 0),
    completeness: head.completeness,
    stage: openStage(rollout),
    stages: devices?.map((stage, n) => viewStage(rollout, n, stage)) ?? null,
  };
}

/** A rollout names devices as they speak; people know them as they are stored. */
function viewDevice(rollout: Rollout, device: RolloutDevice, fleet: Fleet, ledger: Ledger | undefined): HeldDevice {
  const { releases, registrations } = fleet;
  const owner = registrations.ownerOf(device, Infinity);
  const known = fleet.device(owner);
  const online = known !== undefined && fleet.online(known);
  const [desired, reported] = [releases.wanted(device), releases.reported(device)];
  const missing = reported?.status === 'confirmed' ? missingSince(device, online, fleet, ledger) : null;
  const state = stateOf(rollout, device, { desired, reported, isComplete: missing === 0 });
  const isOfThis = reported?.id.startsWith(rollout.id) === true;
  const sinceUs = isOfThis ? reported.sinceUs : state === 'waiting' ? null : (desired?.atUs ?? null);
  return {
    ...{ rollout: rollout.id, ...owner, title: registrations.get(owner)?.title ?? null, stage: device.stage },
    ...{ state, said: isOfThis ? reported.status : null, online, reason: isOfThis ? reported.reason : null, sinceUs },
    missing: state === 'confirmed' ? missing : null,
  };
}

/** Packs since the rollout began that are missing; the newest ones of a device that is there take a moment. */
function missingSince(device: RolloutDevice, online: boolean, fleet: Fleet, ledger: Ledger | undefined): number | null {
  const { epoch, seq = -1 } = device;
  const since = ledger && countSince(device, { epoch, seq }, fleet, ledger);
  if (!since) return null;
  const missing = since.expected - since.received;
  const isTail = since.firstMissing === since.lastSeq - missing + 1;
  return online && isTail && missing <= inTransit ? 0 : missing;
}

function isHeld({ state }: HeldDevice): boolean {
  return heldOrder.includes(state);
}
