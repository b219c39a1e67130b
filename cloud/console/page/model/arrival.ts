import type { DeviceView } from '../api/types.js';
import { rangesCount } from './format.js';

type Ranges = DeviceView['missing'];

/** What of a device's packs is stored, what is missing, and what had no time to arrive yet. */
export interface Arrival {
  /** Runs of numbers that are missing, the oldest first. */
  readonly gaps: Ranges;
  /** The newest packs, which the device has just sent or still holds. */
  readonly onTheWay: number;
  /** Stored packs, of those that had time to arrive; null while it is not known. */
  readonly share: number | null;
}

/** Packs between the device's last word of its outbox and the store's. */
const inTransit = 5;

/**
 * The last numbers are not lost because they are not here: the device may have them waiting, and they take a moment.
 * Beyond what it says is waiting, and a few in transit, they are missing like any others.
 */
export function arrivalOf({ missing, lastSeq, received, pending, online }: DeviceView): Arrival {
  const tail = missing.at(-1);
  const isTail = tail !== undefined && tail[1] === lastSeq && online;
  const size = isTail ? tail[1] - tail[0] + 1 : 0;
  const onTheWay = size <= pending + inTransit ? size : 0;
  const gaps = onTheWay > 0 ? missing.slice(0, -1) : missing;
  if (lastSeq === null || received === null) return { gaps, onTheWay, share: null };
  const due = lastSeq + 1 - onTheWay;
  return { gaps, onTheWay, share: due <= 0 ? 1 : Math.min(1, received / due) };
}

/** Arrival over all devices of which it is known. */
export function arrivalOfAll(devices: readonly DeviceView[]): { made: number; stored: number; onTheWay: number } {
  const sum = { made: 0, stored: 0, onTheWay: 0 };
  for (const device of devices) {
    if (device.lastSeq === null || device.received === null) continue;
    sum.made += device.lastSeq + 1;
    sum.stored += device.received;
    sum.onTheWay += arrivalOf(device).onTheWay;
  }
  return sum;
}

/** How many packs are missing. */
export function missingCount(device: DeviceView): number {
  return rangesCount(arrivalOf(device).gaps);
}
