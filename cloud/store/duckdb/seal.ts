import { bucketStart, dayUs, hourUs } from '#core/contract/time.js';
import type { Retention } from '../store.js';
import { keptDays, type TierSpec } from './tiers.js';

/**
 * What is older than the seal has no raw points any more: its buckets keep their parts, a late reading is added to
 * them once, and they are never computed again. The seal stands on a day's border, or after shedding on an hour's, so
 * that every bucket that is still computed has all that it is computed from.
 */
export class Seal {
  private readonly kept: ReturnType<typeof keptDays>;

  constructor(
    /** Raw points before it are gone, or on their way out. */
    readonly beforeUs: number,
    private readonly retention: Retention,
  ) {
    this.kept = keptDays(retention);
  }

  /** Whether a point is too old for the raw points. Windows wider than an hour feed the day, so they go with the day. */
  isExpired(timeUs: number, spanUs = 0): boolean {
    return timeUs < (spanUs > hourUs ? bucketStart(this.beforeUs, dayUs) : this.beforeUs);
  }

  /** Whether a tier's bucket can no longer be computed from the tier below. */
  isSealed(tier: TierSpec, bucketUs: number): boolean {
    return bucketUs < bucketStart(this.beforeUs, tier.widthUs);
  }

  /** Where the seal should stand now. It never moves back, even if the clock does. */
  due(nowUs: number): Seal {
    const beforeUs = Math.max(this.beforeUs, this.cutoffUs('raw', nowUs));
    return beforeUs === this.beforeUs ? this : this.at(beforeUs);
  }

  at(beforeUs: number): Seal {
    return new Seal(beforeUs, this.retention);
  }

  /** What of a tier is older than this may be deleted; minus infinity where it is kept for ever. */
  cutoffUs(tier: 'raw' | TierSpec['name'], nowUs: number): number {
    const days = this.kept[tier];
    return Number.isFinite(days) ? bucketStart(nowUs, dayUs) - days * dayUs : Number.NEGATIVE_INFINITY;
  }
}
