import type { Point } from '#core/contract/reading.js';
import { dayUs, hourUs, minuteUs } from '#core/contract/time.js';
import type { Retention, RollupTier } from '../store.js';

/**
 * A tier of rollups. Its `code` is its place in `allTiers` and its number in the table `dirty`. What readings and windows
 * give, and what segments give, is kept apart, because they weigh in two units; readers put them together.
 */
export interface TierSpec {
  readonly code: number;
  readonly name: RollupTier;
  readonly table: string;
  readonly widthUs: number;
  readonly of: 'readings' | 'segments';
}

export const rollupTiers: readonly TierSpec[] = [
  { code: 0, name: '1m', table: 'rollup_1m', widthUs: minuteUs, of: 'readings' },
  { code: 1, name: '1h', table: 'rollup_1h', widthUs: hourUs, of: 'readings' },
  { code: 2, name: '1d', table: 'rollup_1d', widthUs: dayUs, of: 'readings' },
];

export const segmentTiers: readonly TierSpec[] = [
  { code: 3, name: '1m', table: 'segment_1m', widthUs: minuteUs, of: 'segments' },
  { code: 4, name: '1h', table: 'segment_1h', widthUs: hourUs, of: 'segments' },
  { code: 5, name: '1d', table: 'segment_1d', widthUs: dayUs, of: 'segments' },
];

export const allTiers: readonly TierSpec[] = [...rollupTiers, ...segmentTiers];

/** The tier that this one is computed from; undefined for the lowest, which is computed from the points. */
export function tierBelow({ code, of }: TierSpec): TierSpec | undefined {
  return allTiers.find((tier) => tier.of === of && tier.code === code - 1);
}

export function tierAbove({ code, of }: TierSpec): TierSpec | undefined {
  return allTiers.find((tier) => tier.of === of && tier.code === code + 1);
}

/** The lowest tier of readings that a point feeds: the first that is not narrower than it. Undefined if it feeds none. */
export function lowestTier(point: Point): TierSpec | undefined {
  if (typeof point.value === 'string' || point.form === 'context' || point.form === 'segment') return undefined;
  const spanUs = point.window?.spanUs ?? 0;
  return rollupTiers.find(({ widthUs }) => spanUs <= widthUs);
}

/** How many days each tier is kept; a tier is never kept shorter than the one that it is computed from. */
export function keptDays({ rawDays, ...days }: Retention): Record<'raw' | RollupTier, number> {
  const minute = Math.max(rawDays, days['1mDays']);
  const hour = Math.max(minute, days['1hDays']);
  const day = days['1dDays'] === undefined ? Number.POSITIVE_INFINITY : Math.max(hour, days['1dDays']);
  return { raw: rawDays, '1m': minute, '1h': hour, '1d': day };
}
