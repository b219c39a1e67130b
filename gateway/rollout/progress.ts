import type { RolloutDevice } from '#core/contract/rollout.js';
import { backRelease, type Rollout } from '#core/contract/rollout-book.js';
import { openStage, stateOf, type DeviceState, type StateFacts } from '#core/contract/rollout-state.js';
import { deviceKey } from '#core/contract/names.js';
import type { ReleaseReport } from '#core/contract/release.js';
import type { DesiredEntry } from '../desired/desired-releases.js';

/** What is known of a device beside the rollout. */
export interface DeviceFacts extends StateFacts {
  readonly desired: DesiredEntry | undefined;
  readonly reported: ReleaseReport | undefined;
  readonly isOnline: boolean;
}
export type FactsOf = (device: RolloutDevice) => DeviceFacts;

export interface Limits {
  /** Devices that fetch or try at once. */
  readonly atOnce: number;
  readonly nowUs: number;
}

/** What is to be done next. Each may be done twice, and by several gateways. */
export type Step =
  | { readonly do: 'open'; readonly stage: number }
  | { readonly do: 'announce' | 'clear' | 'back'; readonly devices: readonly RolloutDevice[] }
  | { readonly do: 'end'; readonly status: 'done' | 'failed'; readonly reason: string };

/** Those whose stage was opened, in order. */
export function touchable(rollout: Rollout): RolloutDevice[] {
  return rollout.devices.flatMap((devices, stage) => (rollout.openedUs.has(stage) ? devices : []));
}

/**
 * What the rollout needs now. It depends on nothing but what stands in the log, the devices and the time, so that whichever
 * gateway looks comes to the same.
 */
export function nextSteps(rollout: Rollout, factsOf: FactsOf, limits: Limits): Step[] {
  const { head, order, end } = rollout;
  const isAborted = order?.want === 'abort';
  const devices = touchable(rollout);
  const states = new Map(devices.map((device) => [deviceKey(device), stateOf(rollout, device, factsOf(device))]));
  const inState = (...wanted: readonly DeviceState[]) =>
    devices.filter((device) => wanted.includes(states.get(deviceKey(device))!));
  if (isAborted || end?.status === 'failed') return windUp(rollout, inState, factsOf, isAborted && order.revert);
  const failed = inState('failed');
  if (!end && failed.length > head.maxFailures)
    return [{ do: 'end', status: 'failed', reason: whyFailed(failed, factsOf) }];
  if (end || order?.want === 'pause') return [];
  const announce = nextToAnnounce(inState, factsOf, limits.atOnce);
  if (announce.length > 0) return [{ do: 'announce', devices: announce }];
  return nextStage(rollout, states, factsOf, limits.nowUs);
}

type InState = (...wanted: readonly DeviceState[]) => RolloutDevice[];

/** Nobody else begins; whoever has it keeps it, or goes back. */
function windUp(rollout: Rollout, inState: InState, factsOf: FactsOf, revert: boolean): Step[] {
  const isDesired = (device: RolloutDevice) => factsOf(device).desired?.id === rollout.id;
  const clear = inState('announced', 'fetching', 'failed').filter(isDesired);
  const steps: Step[] = clear.length > 0 ? [{ do: 'clear', devices: clear }] : [];
  if (!revert) return steps;
  const back = inState('trying', 'confirmed', 'complete').filter(
    ({ from, arch }) => from !== rollout.head.version && backRelease(rollout, from, arch) !== undefined,
  );
  return back.length > 0 ? [...steps, { do: 'back', devices: back }] : steps;
}

/** One that is offline takes no place: its announcement waits for it. */
function nextToAnnounce(inState: InState, factsOf: FactsOf, atOnce: number): RolloutDevice[] {
  const busy = inState('announced', 'fetching', 'trying').filter((device) => factsOf(device).isOnline).length;
  let room = atOnce - busy;
  return inState('waiting').filter((device) => !factsOf(device).isOnline || (room -= 1) >= 0);
}

function nextStage(
  rollout: Rollout,
  states: ReadonlyMap<string, DeviceState>,
  factsOf: FactsOf,
  nowUs: number,
): Step[] {
  const { devices, head } = rollout;
  const stage = openStage(rollout);
  const of = devices[stage] ?? [];
  const is = (device: RolloutDevice, ...wanted: DeviceState[]) => wanted.includes(states.get(deviceKey(device))!);
  const complete = of.filter((device) => is(device, 'complete'));
  const unsettled = of.filter((device) => !is(device, 'complete', 'failed', 'elsewhere'));
  const waitedUs = nowUs - (rollout.openedUs.get(stage) ?? nowUs);
  const isExcused = (device: RolloutDevice) =>
    head.maxWaitMs !== undefined && waitedUs >= head.maxWaitMs * 1000 && !factsOf(device).isOnline;
  if (unsettled.some((device) => !isExcused(device))) return [];
  // A stage that proved nothing lets nobody pass.
  if (of.length > 0 && complete.length === 0) {
    if (unsettled.length > 0) return [];
    return [{ do: 'end', status: 'failed', reason: `no device of stage ${stage + 1} took the release` }];
  }
  if (stage + 1 < head.stages.length) return [{ do: 'open', stage: stage + 1 }];
  return [{ do: 'end', status: 'done', reason: summary(unsettled.length) }];
}

function summary(left: number): string {
  return left === 0
    ? 'all stages are through'
    : `all stages are through; ${left} devices were offline and get it later`;
}

function whyFailed(failed: readonly RolloutDevice[], factsOf: FactsOf): string {
  const [first] = failed;
  const { status = 'failed', reason } = factsOf(first!).reported ?? {};
  const more = failed.length > 1 ? ` and ${failed.length - 1} more` : '';
  return `${deviceKey(first!)}${more}: ${status}${reason === undefined ? '' : `, ${reason}`}`.slice(0, 1000);
}
