import { createHash } from 'node:crypto';
import { deviceKey } from '#core/contract/names.js';
import type { RolloutStage } from '#core/contract/rollout.js';
import { parsePercent, parseSelector, type Selectable } from './selector.js';

/**
 * The stage of each device, from 0; devices of no stage are not in it. A device is in the first stage that takes it. A
 * percentage is of all devices, those of earlier stages counted; who comes first is told by a hash of the name, so that it
 * is no row of machines side by side, and the same ones in the next rollout. Throws SelectorError.
 */
export function planStages(
  devices: readonly Selectable[],
  stages: readonly Pick<RolloutStage, 'select'>[],
): ReadonlyMap<string, number> {
  const inOrder = [...devices].sort((a, b) => compare(rank(deviceKey(a)), rank(deviceKey(b))));
  const stageOf = new Map<string, number>();
  for (const [stage, { select }] of stages.entries()) {
    const percent = parsePercent(select);
    const free = inOrder.filter((device) => !stageOf.has(deviceKey(device)));
    const taken =
      percent === undefined
        ? free.filter(parseSelector(select))
        : free.slice(0, Math.max(0, Math.ceil(share(percent, devices.length)) - stageOf.size));
    for (const device of taken) stageOf.set(deviceKey(device), stage);
  }
  return stageOf;
}

/** Without the dust of binary fractions: 7 % of 100 is 7, not 7.000000000000001. */
function share(percent: number, devices: number): number {
  return Math.round(percent * 1000 * devices) / 100_000;
}

function rank(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
