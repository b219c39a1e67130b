import { relativeTimeLimitSeconds } from '#core/contract/time.js';
import type { ForeignReading } from './foreign.js';
import type { RefusedReadings, RefusedReason } from './refused.js';

/** SenML takes a smaller time for one relative to now, and a double of seconds holds no microseconds of a greater one. */
const [minTimeUs, maxTimeUs] = [relativeTimeLimitSeconds * 1e6, 2 ** 33 * 1e6];
const maxTextLength = 4096;

/** Counts by reason; the first of each names the sensor. */
export class RefusedCount {
  private readonly reasons = new Map<RefusedReason, { detail: string; readings: number }>();

  add(reason: RefusedReason, sensor: string): void {
    const known = this.reasons.get(reason);
    if (known) known.readings += 1;
    else this.reasons.set(reason, { detail: `the first is ${sensor.slice(0, 100)}`, readings: 1 });
  }

  list(): RefusedReadings[] {
    return [...this.reasons].map(([reason, rest]) => ({ reason, ...rest }));
  }
}

/** What keeps a reading out of any pack; undefined if nothing does. */
export function faultOf({ value, timeUs, atReceipt }: ForeignReading, retained: boolean): RefusedReason | undefined {
  if (typeof value === 'number' && !Number.isFinite(value)) return 'not-finite';
  if (typeof value === 'string' && value.length > maxTextLength) return 'text-too-long';
  if (retained && atReceipt) return 'retained';
  if (!Number.isSafeInteger(timeUs) || timeUs < minTimeUs || timeUs >= maxTimeUs) return 'bad-time';
  return undefined;
}
