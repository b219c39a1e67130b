import { hourUs } from '#core/contract/time.js';
import type { Tier } from '../store.js';
import { rollupTiers, type TierSpec } from './tiers.js';

export type KeptUs = Readonly<Record<Tier, number>>;

/**
 * Where raw points end. A bucket of 1m or 1h that begins before the seal is never computed again, because its raw
 * points are gone or about to go; what comes for it is added to its parts, once.
 *
 * InfluxDB refuses a point at its retention's edge to the nanosecond, so the seal keeps more than an hour's distance from
 * it, and stands on the border of an hour. It only moves forward.
 */
export class Seal {
  private stands = Number.NEGATIVE_INFINITY;

  /** `keptUs`: how long the points of each tier are kept, in microseconds. */
  constructor(private readonly keptUs: KeptUs) {}

  /** Takes over where it stood before a restart, for it never moves back. */
  restore(beforeUs: number): void {
    this.stands = Math.max(this.stands, beforeUs);
  }

  /** Microseconds; minus infinity until it is first moved. */
  get beforeUs(): number {
    return this.stands;
  }

  /** Whether `move` would move it: then its new place must be made durable. */
  isDue(nowUs: number): boolean {
    return this.place(nowUs) > this.stands;
  }

  move(nowUs: number): void {
    this.stands = Math.max(this.stands, this.place(nowUs));
  }

  /** Whether a point is too old for the raw points. Windows wider than an hour feed the day, so they go with the day. */
  isExpired(timeUs: number, spanUs = 0): boolean {
    return timeUs < (spanUs > hourUs ? this.windowsEndUs(rollupTiers[2]) : this.stands);
  }

  /** Before it, the windows that enter a tier are no longer computed from their points. */
  windowsEndUs({ widthUs }: TierSpec): number {
    return Math.ceil(this.stands / widthUs) * widthUs;
  }

  /** Whether what comes for a bucket is added to its parts, because it is no longer computed from the tier below. */
  isSealed(tier: TierSpec, bucketUs: number, nowUs: number): boolean {
    return bucketUs < (tier.index < 2 ? this.stands : this.keptFrom(rollupTiers[1].name, nowUs));
  }

  /** Whether all of a bucket's sources in the tier below are surely still there. */
  isComputable(tier: TierSpec, bucketUs: number, nowUs: number): boolean {
    const source = tier.index === 0 ? 'raw' : rollupTiers[tier.index - 1]!.name;
    return bucketUs >= nowUs - this.keptUs[source];
  }

  /** From when on InfluxDB surely takes and keeps the points of a tier. */
  keptFrom(tier: Tier, nowUs: number): number {
    return nowUs - this.keptUs[tier] + hourUs;
  }

  private place(nowUs: number): number {
    return Math.ceil(this.keptFrom('raw', nowUs) / hourUs) * hourUs;
  }
}
