import type { SeriesStore, StoreBatch, WriteOutcome } from '../../cloud/store/store.js';
import { RetryableError } from '../../core/runtime/errors.js';

/** A series store whose writes a test can make fail, hold, and look at; everything else goes to the store behind it. */
export class FaultyStore implements SeriesStore {
  /** While true, everything fails as if the database were away. */
  away = false;
  /** Asked for each write before it is done. */
  fault: (batch: StoreBatch) => Error | undefined = () => undefined;
  /** Awaited after a write is durable and before it resolves. */
  afterWrite: (outcome: WriteOutcome) => void | Promise<void> = () => undefined;
  /** Tries to write. */
  tries = 0;
  readonly outcomes: WriteOutcome[] = [];

  constructor(readonly behind: SeriesStore) {}

  start = (): Promise<void> => this.behind.start();
  stop = (deadlineMs: number): Promise<void> => this.behind.stop(deadlineMs);

  async write(batch: StoreBatch): Promise<WriteOutcome> {
    this.tries += 1;
    this.check();
    const fault = this.fault(batch);
    if (fault) throw fault;
    const outcome = await this.behind.write(batch);
    this.outcomes.push(outcome);
    await this.afterWrite(outcome);
    return outcome;
  }

  ledger: SeriesStore['ledger'] = async (filter) => this.check() ?? this.behind.ledger(filter);
  recent: SeriesStore['recent'] = async (...args) => this.check() ?? this.behind.recent(...args);
  alerts: SeriesStore['alerts'] = async (filter) => this.check() ?? this.behind.alerts(filter);
  repairRollups: SeriesStore['repairRollups'] = async (us) => this.check() ?? this.behind.repairRollups(us);
  prune: SeriesStore['prune'] = async (us) => this.check() ?? this.behind.prune(us);

  async *points(...args: Parameters<SeriesStore['points']>): ReturnType<SeriesStore['points']> {
    this.check();
    for await (const page of this.behind.points(...args)) {
      yield page;
      this.check();
    }
  }

  async *rollups(...args: Parameters<SeriesStore['rollups']>): ReturnType<SeriesStore['rollups']> {
    this.check();
    for await (const page of this.behind.rollups(...args)) {
      yield page;
      this.check();
    }
  }

  private check(): undefined {
    if (this.away) throw new RetryableError('unavailable', 'the store is away');
    return undefined;
  }
}
