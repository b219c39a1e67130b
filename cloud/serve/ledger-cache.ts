import type { SequenceRanges } from '#core/contract/sequence-ranges.js';
import type { Clock } from '#core/runtime/clock.js';
import type { LedgerSource, SeriesStore } from '../store/store.js';

export type Ledger = ReadonlyMap<LedgerSource, SequenceRanges>;

const maxAgeMs = 2000;
const maxWaitMs = 5000;

/** The store's ledger, at most two seconds old; its failures tell whether the store answers at all. */
export class LedgerCache {
  private ledger: Ledger | undefined;
  private readMs = -Infinity;
  private reading: Promise<Ledger> | undefined;
  private answered = true;
  private askedMs = 0;

  constructor(
    private readonly store: Pick<SeriesStore, 'ledger'>,
    private readonly clock: Clock,
  ) {}

  /** Whether the store answered when it was last asked, and keeps nobody waiting. */
  get healthy(): boolean {
    return this.answered && (!this.reading || this.clock.monotonicMs() - this.askedMs < maxWaitMs);
  }

  /** The last ledger read, however old. */
  get last(): Ledger | undefined {
    return this.ledger;
  }

  /** Throws RetryableError `unavailable` while the store is away. */
  get(): Promise<Ledger> {
    if (this.ledger && this.clock.monotonicMs() - this.readMs < maxAgeMs) return Promise.resolve(this.ledger);
    this.reading ??= this.read().finally(() => (this.reading = undefined));
    return this.reading;
  }

  private async read(): Promise<Ledger> {
    this.askedMs = this.clock.monotonicMs();
    try {
      this.ledger = await this.store.ledger();
      this.readMs = this.askedMs;
      this.answered = true;
      return this.ledger;
    } catch (error) {
      this.answered = false;
      throw error;
    }
  }
}
