import { allTiers, type TierSpec } from './tiers.js';
import type { ColumnData } from './table-appender.js';

export type DirtyRow = [tier: number, seriesId: number, bucketUs: number, mark: number];

/** Series to whether a point came that may be there already, so that the bucket is to be searched for such. */
type Bucket = Map<number, boolean>;

/** Some dirty buckets of one tier that lie near each other in time, taken to be computed. */
export interface Round {
  readonly tier: TierSpec;
  readonly buckets: ReadonlyMap<number, ReadonlyMap<number, boolean>>;
  readonly fromUs: number;
  /** The start of the last bucket. */
  readonly lastUs: number;
  /** Marks up to this number are settled by the round; later ones mean that something came meanwhile. */
  readonly lastMark: number;
  readonly mayRepeat: boolean;
  readonly size: number;
}

/** The most marks of one round, and the widest gap, in buckets, between two of its buckets. */
const maxRoundMarks = 5000;
const maxGapBuckets = 60;

/** The (series, bucket) pairs whose rollup must be computed again: what the file's table `dirty` says. */
export class DirtyMarks {
  private readonly tiers: Map<number, Bucket>[] = allTiers.map(() => new Map<number, Bucket>());
  private readonly computing = new Set<Round>();
  private lastMark = 0;

  constructor(rows: Iterable<DirtyRow>) {
    for (const [tier, seriesId, bucketUs, mark] of rows) {
      // After a restart nobody knows whether a point came twice.
      this.put(tier, seriesId, bucketUs, true);
      this.lastMark = Math.max(this.lastMark, mark);
    }
  }

  /** Dirty buckets of a tier, without those being computed. */
  count({ code }: TierSpec): number {
    let count = 0;
    for (const bucket of this.tiers[code]!.values()) count += bucket.size;
    return count;
  }

  find(tier: number, bucketUs: number): Bucket | undefined {
    return this.tiers[tier]!.get(bucketUs);
  }

  nextMark(): number {
    return (this.lastMark += 1);
  }

  put(tier: number, seriesId: number, bucketUs: number, mayRepeat: boolean): void {
    const buckets = this.tiers[tier]!;
    let bucket = buckets.get(bucketUs);
    if (!bucket) buckets.set(bucketUs, (bucket = new Map()));
    bucket.set(seriesId, mayRepeat || (bucket.get(seriesId) ?? false));
  }

  /** Whether anything before `beforeUs` is dirty or being computed. */
  hasBefore(beforeUs: number): boolean {
    for (const round of this.computing) if (round.fromUs < beforeUs) return true;
    return this.tiers.some((buckets) => [...buckets.keys()].some((bucketUs) => bucketUs < beforeUs));
  }

  /** The dirty buckets of a tier that ended by `closedBeforeUs`, the newest last. */
  closed({ code, widthUs }: TierSpec, closedBeforeUs: number): number[] {
    const starts = [...this.tiers[code]!.keys()].filter((bucketUs) => bucketUs + widthUs <= closedBeforeUs);
    return starts.sort((a, b) => a - b);
  }

  /** Takes the newest of `starts`, which `closed` has made, as one round. `settle` must follow. */
  take(tier: TierSpec, starts: number[]): Round | undefined {
    const buckets = new Map<number, Bucket>();
    const lastUs = starts.at(-1);
    let [size, mayRepeat, fromUs] = [0, false, lastUs];
    while (starts.length > 0 && size < maxRoundMarks && fromUs! - starts.at(-1)! <= maxGapBuckets * tier.widthUs) {
      fromUs = starts.pop()!;
      const bucket = this.tiers[tier.code]!.get(fromUs);
      if (!bucket) continue;
      this.tiers[tier.code]!.delete(fromUs);
      buckets.set(fromUs, bucket);
      size += bucket.size;
      mayRepeat ||= [...bucket.values()].includes(true);
    }
    if (lastUs === undefined || fromUs === undefined) return undefined;
    const round = { tier, buckets, fromUs, lastUs, lastMark: this.lastMark, mayRepeat, size };
    this.computing.add(round);
    return round;
  }

  /** Ends a round: its marks are gone, or dirty again if it failed. */
  settle(round: Round, succeeded: boolean): void {
    this.computing.delete(round);
    if (succeeded) return;
    for (const [bucketUs, bucket] of round.buckets) {
      for (const [seriesId, mayRepeat] of bucket) this.put(round.tier.code, seriesId, bucketUs, mayRepeat);
    }
  }
}

/** The marks that one transaction adds; those that are there already are not written again. */
export class MarkAddition {
  private readonly added: Map<number, Bucket>[] = allTiers.map(() => new Map<number, Bucket>());

  constructor(private readonly marks: DirtyMarks) {}

  touch(tier: number, seriesId: number, bucketUs: number, mayRepeat: boolean): void {
    const known = this.marks.find(tier, bucketUs);
    if (known?.has(seriesId)) {
      // Harmless if the transaction fails: the bucket is only searched without need.
      if (mayRepeat) known.set(seriesId, true);
      return;
    }
    const buckets = this.added[tier]!;
    let bucket = buckets.get(bucketUs);
    if (!bucket) buckets.set(bucketUs, (bucket = new Map()));
    bucket.set(seriesId, mayRepeat || (bucket.get(seriesId) ?? false));
  }

  columns(): ColumnData[] {
    const [tiers, series, times, numbers]: number[][] = [[], [], [], []];
    this.forEach((tier, seriesId, bucketUs) => {
      tiers!.push(tier);
      series!.push(seriesId);
      times!.push(bucketUs);
      numbers!.push(this.marks.nextMark());
    });
    return [tiers!, series!, times!, numbers!];
  }

  commit(): void {
    this.forEach((tier, seriesId, bucketUs, mayRepeat) => this.marks.put(tier, seriesId, bucketUs, mayRepeat));
  }

  private forEach(visit: (tier: number, seriesId: number, bucketUs: number, mayRepeat: boolean) => void): void {
    this.added.forEach((buckets, tier) => {
      for (const [bucketUs, bucket] of buckets) {
        for (const [seriesId, mayRepeat] of bucket) visit(tier, seriesId, bucketUs, mayRepeat);
      }
    });
  }
}
