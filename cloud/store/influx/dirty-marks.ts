import { dayUs, hourUs } from '#core/contract/time.js';
import { Bits } from './bits.js';
import type { MarkRow, MarkStore } from './mark-store.js';
import type { Series } from './series-registry.js';
import { rollupTiers, type TierSpec } from './tiers.js';

/** Stands for all series at once, where nobody knows which were touched. */
export const everySeries = 'every series';
export type Marked = Series | typeof everySeries;

/** Marks are kept by blocks of at most 60 buckets: 60 minutes, 24 hours, 30 days. */
export function blockWidthUs({ index }: TierSpec): number {
  return [hourUs, dayUs, 30 * dayUs][index]!;
}

/** The dirty buckets of one series in one block. All three sets are marked durably. */
interface BlockMarks {
  readonly dirty: Bits;
  /** Being computed. */
  readonly taken: Bits;
  /** Computed while a task might still overwrite them with older data: to be computed once more. */
  readonly again: Bits;
}

/** Some dirty buckets of one block, taken to be computed. `settle` must follow. */
export interface Round {
  readonly tier: TierSpec;
  readonly blockUs: number;
  readonly buckets: ReadonlyMap<Marked, readonly number[]>;
}

const maxRoundSeries = 5000;

/** The (series, bucket) pairs whose rollup must be computed again. In memory what {@link MarkStore} holds durably. */
export class DirtyMarks {
  private readonly tiers = rollupTiers.map(() => new Map<number, Map<Marked, BlockMarks>>());
  private unsaved = new Map<string, { tier: TierSpec; blockUs: number; marked: Marked }>();

  constructor(private readonly store: Pick<MarkStore, 'load' | 'save'>) {}

  /** Takes over what is stored; `find` names the series of a row, undefined drops it. */
  async load(find: (row: MarkRow) => Marked | undefined): Promise<void> {
    for (const row of await this.store.load()) {
      const marked = find(row);
      if (marked) this.blockOf(rollupTiers[row.tier]!, row.blockUs, marked).dirty.addAll(row.bits);
    }
  }

  /** Marks a bucket in memory; `save` makes it durable. */
  add(tier: TierSpec, marked: Marked, bucketUs: number): void {
    const width = blockWidthUs(tier);
    const blockUs = Math.floor(bucketUs / width) * width;
    const bit = (bucketUs - blockUs) / tier.widthUs;
    const block = this.blockOf(tier, blockUs, marked);
    if (block.dirty.has(bit)) return;
    const known = block.taken.has(bit) || block.again.has(bit);
    block.dirty.add(bit);
    if (!known) this.note(tier, blockUs, marked);
  }

  /** Makes all marks durable. */
  async save(): Promise<void> {
    if (this.unsaved.size === 0) return;
    const taken = this.unsaved;
    this.unsaved = new Map();
    try {
      // The bits are read when the turn comes, so that a later save never writes older bits.
      await this.store.save(() => [...taken.values()].map((each) => this.row(each)));
    } catch (error) {
      this.unsaved = new Map([...taken, ...this.unsaved]);
      throw error;
    }
  }

  /** Dirty buckets, without those being computed and those that wait for a second time. */
  get size(): number {
    let size = 0;
    for (const blocks of this.tiers)
      for (const block of blocks.values()) for (const { dirty } of block.values()) size += dirty.size;
    return size;
  }

  hasBefore(tier: TierSpec, beforeUs: number): boolean {
    return [...this.tiers[tier.index]!].some(([blockUs, block]) =>
      [...block.values()].some(({ dirty, taken }) =>
        [...dirty, ...taken].some((bit) => blockUs + bit * tier.widthUs < beforeUs),
      ),
    );
  }

  /** Buckets that were computed under a task's hands become dirty once the task is done with them. */
  wakeSettled(nowUs: number): void {
    for (const tier of rollupTiers) {
      for (const [blockUs, block] of this.tiers[tier.index]!) {
        for (const { again, dirty } of block.values()) {
          for (const bit of again) {
            if (blockUs + (bit + 1) * tier.widthUs + tier.task.settledAfterUs > nowUs) continue;
            again.delete(bit);
            dirty.add(bit);
          }
        }
      }
    }
  }

  /** Takes dirty buckets that `mayTake`, of the newest block that has any. */
  take(tier: TierSpec, mayTake: (bucketUs: number) => boolean): Round | undefined {
    const blocks = [...this.tiers[tier.index]!].sort(([a], [b]) => b - a);
    for (const [blockUs, block] of blocks) {
      const buckets = new Map<Marked, number[]>();
      for (const [marked, { dirty, taken }] of block) {
        const bits = [...dirty].filter((bit) => mayTake(blockUs + bit * tier.widthUs));
        if (bits.length === 0) continue;
        for (const bit of bits) {
          dirty.delete(bit);
          taken.add(bit);
        }
        buckets.set(
          marked,
          bits.map((bit) => blockUs + bit * tier.widthUs),
        );
        if (buckets.size === maxRoundSeries) break;
      }
      if (buckets.size > 0) return { tier, blockUs, buckets };
    }
    return undefined;
  }

  /**
   * Ends a round. If it failed, all is dirty as before. Else its marks go, durably after `save`; but a bucket for which
   * `again` holds keeps its mark, to be computed a second time later.
   */
  settle({ tier, blockUs, buckets }: Round, succeeded: boolean, again: (bucketUs: number) => boolean): void {
    for (const [marked, starts] of buckets) {
      const block = this.blockOf(tier, blockUs, marked);
      for (const bucketUs of starts) {
        const bit = (bucketUs - blockUs) / tier.widthUs;
        block.taken.delete(bit);
        if (!succeeded) block.dirty.add(bit);
        else if (again(bucketUs)) block.again.add(bit);
      }
      this.note(tier, blockUs, marked);
    }
  }

  private note(tier: TierSpec, blockUs: number, marked: Marked): void {
    this.unsaved.set(`${tier.index} ${blockUs} ${keyOf(marked)}`, { tier, blockUs, marked });
  }

  private row({ tier, blockUs, marked }: { tier: TierSpec; blockUs: number; marked: Marked }): MarkRow {
    const bits = new Bits();
    const block = this.tiers[tier.index]!.get(blockUs)?.get(marked);
    if (block) for (const set of [block.dirty, block.taken, block.again]) bits.addAll(set);
    if (bits.isEmpty) this.forget(tier, blockUs, marked);
    const { site, device, sensor } = marked === everySeries ? { site: '*', device: '*', sensor: '*' } : marked;
    return { tier: tier.index, blockUs, site, device, sensor, bits };
  }

  private forget(tier: TierSpec, blockUs: number, marked: Marked): void {
    const block = this.tiers[tier.index]!.get(blockUs);
    block?.delete(marked);
    if (block?.size === 0) this.tiers[tier.index]!.delete(blockUs);
  }

  private blockOf({ index }: TierSpec, blockUs: number, marked: Marked): BlockMarks {
    const blocks = this.tiers[index]!;
    let block = blocks.get(blockUs);
    if (!block) blocks.set(blockUs, (block = new Map()));
    let marks = block.get(marked);
    if (!marks) block.set(marked, (marks = { dirty: new Bits(), taken: new Bits(), again: new Bits() }));
    return marks;
  }
}

function keyOf(marked: Marked): string {
  return marked === everySeries ? marked : marked.key;
}
