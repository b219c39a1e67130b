import type { RepairOutcome, SeriesStore } from '../store/store.js';

type Repairs = Pick<SeriesStore, 'repairRollups' | 'prune'>;

/** Passes repairs on to the store, and keeps how many dirty buckets the last one left. */
export class CountingRepairs implements Repairs {
  private left: number | null = null;

  constructor(private readonly store: Repairs) {}

  /** Null before the first repair. */
  get remaining(): number | null {
    return this.left;
  }

  async repairRollups(closedBeforeUs: number): Promise<RepairOutcome> {
    const outcome = await this.store.repairRollups(closedBeforeUs);
    this.left = outcome.remaining;
    return outcome;
  }

  prune(nowUs: number): Promise<void> {
    return this.store.prune(nowUs);
  }
}
