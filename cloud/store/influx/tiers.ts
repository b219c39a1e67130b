import type { Point } from '#core/contract/reading.js';
import { dayUs, hourUs, minuteUs } from '#core/contract/time.js';
import type { Retention, RollupTier } from '../store.js';

/**
 * How the tasks of InfluxDB keep a tier: a run scheduled for time t computes every bucket from `coversFrom(t)` up to t.
 * After `settledAfterUs` past its end, no run touches a bucket any more.
 */
export interface TaskSchedule {
  readonly every: string;
  readonly everyUs: number;
  readonly offset: string;
  readonly offsetUs: number;
  readonly coversFrom: (scheduledUs: number) => number;
  readonly settledAfterUs: number;
}

export interface TierSpec {
  readonly index: number;
  readonly name: RollupTier;
  readonly widthUs: number;
  readonly task: TaskSchedule;
}

const secondUs = 1_000_000;
const floorTo = (timeUs: number, widthUs: number) => Math.floor(timeUs / widthUs) * widthUs;

/** From the narrowest up; each is computed from the one before, the first from the raw points. */
export const rollupTiers: readonly [TierSpec, TierSpec, TierSpec] = [
  {
    index: 0,
    name: '1m',
    widthUs: minuteUs,
    task: {
      ...{ every: '1m', everyUs: minuteUs, offset: '10s', offsetUs: 10 * secondUs },
      coversFrom: (scheduledUs) => floorTo(scheduledUs, minuteUs) - 3 * minuteUs,
      settledAfterUs: 5 * minuteUs,
    },
  },
  {
    index: 1,
    name: '1h',
    widthUs: hourUs,
    task: {
      ...{ every: '5m', everyUs: 5 * minuteUs, offset: '20s', offsetUs: 20 * secondUs },
      coversFrom: (scheduledUs) => floorTo(scheduledUs - 10 * minuteUs, hourUs),
      settledAfterUs: 20 * minuteUs,
    },
  },
  {
    index: 2,
    name: '1d',
    widthUs: dayUs,
    task: {
      ...{ every: '1h', everyUs: hourUs, offset: '40s', offsetUs: 40 * secondUs },
      coversFrom: (scheduledUs) => floorTo(scheduledUs - 90 * minuteUs, dayUs),
      settledAfterUs: 3 * hourUs,
    },
  },
];

/**
 * Rollups are kept apart by the form that they came from, so that a task touches only what it computes; readers add
 * the parts up. What segments give is never touched by a task: its weight is not its count. Windows wider than a minute enter at the hour or the day, under a form of their own.
 */
export type RollupForm = 'raw' | 'window' | 'window-1h' | 'window-1d' | 'segment';

/** The form of the rollups that enter a tier from windows too wide for the tier below. */
export const enteringForms: readonly [RollupForm, RollupForm, RollupForm] = ['window', 'window-1h', 'window-1d'];

export interface Entry {
  readonly tier: TierSpec;
  readonly form: RollupForm;
}

const rawEntry: Entry = { tier: rollupTiers[0], form: 'raw' };
const windowEntries: readonly Entry[] = rollupTiers.map((tier) => ({ tier, form: enteringForms[tier.index]! }));

/** Where a point enters the rollups: the narrowest tier that is not narrower than it. Undefined if it enters none. */
export function entryOf(point: Point): Entry | undefined {
  if (typeof point.value === 'string') return undefined;
  if (point.form === 'raw') return rawEntry;
  if (point.form !== 'window' || !point.window) return undefined;
  const { spanUs } = point.window;
  return windowEntries.find(({ tier }) => spanUs <= tier.widthUs);
}

/** How many days each tier is kept; a tier is never kept shorter than the one that it is computed from. */
export function keptDays({ rawDays, ...days }: Retention): Record<'raw' | RollupTier, number> {
  const minute = Math.max(rawDays, days['1mDays']);
  const hour = Math.max(minute, days['1hDays']);
  const day = days['1dDays'] === undefined ? Number.POSITIVE_INFINITY : Math.max(hour, days['1dDays']);
  return { raw: rawDays, '1m': minute, '1h': hour, '1d': day };
}
