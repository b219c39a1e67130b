import { arrivalOf } from '#core/contract/arrival.js';
import type { DeviceView } from '../api/types.js';
import { rangesCount } from './format.js';

export { arrivalOf };

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
