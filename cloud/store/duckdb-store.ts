import type { Registry } from 'prom-client';
import type { DeviceAlert } from '#core/contract/alert.js';
import type { SeriesId } from '#core/contract/names.js';
import type { SequenceRanges } from '#core/contract/sequence-ranges.js';
import type { Clock } from '#core/runtime/clock.js';
import type { Shedder } from '#core/runtime/disk-budget.js';
import { RetryableError } from '#core/runtime/errors.js';
import type { Logger } from '#core/runtime/logger.js';
import { storeError } from './duckdb/duckdb-errors.js';
import { Mutex } from '#core/runtime/mutex.js';
import { pointPages, recentPoints } from './duckdb/read-points.js';
import { readAlerts, rollupPages } from './duckdb/read-rollups.js';
import type { Reader } from './duckdb/reader.js';
import type { ReaderPool } from './duckdb/reader-pool.js';
import { repairRollups } from './duckdb/repair.js';
import { advanceSeal, compactLedger, deleteOldRollups, deleteSealed } from './duckdb/retire.js';
import { Session } from './duckdb/session.js';
import { shedOldest, usedBytes } from './duckdb/shed.js';
import { StoreMetrics } from './duckdb/store-metrics.js';
import { writeBatch } from './duckdb/write-batch.js';
import type {
  AlertFilter,
  LedgerSource,
  RepairOutcome,
  Retention,
  RollupTier,
  SeriesFilter,
  SeriesStore,
  StoreBatch,
  StoredPoint,
  StoredRollup,
  TimeRange,
  WriteOutcome,
} from './store.js';

export interface DuckDBStoreOptions {
  /** Made when it is not there; its folder must be. Beside it come `<file>.wal` and `<file>.tmp`. */
  readonly file: string;
  readonly retention: Retention;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly registry?: Registry;
  /** What DuckDB may use for its buffers. */
  readonly memoryLimitMb?: number;
  readonly threads?: number;
  /** The write-ahead log is folded into the file when it has grown to this. */
  readonly checkpointMb?: number;
}

/**
 * The embedded series store: one DuckDB file that belongs to this process. Points, ledger and dirty marks go into one
 * transaction; rollups are computed on another connection while batches are written.
 * `start` throws FatalError `locked`, `bad-data-format`, `corrupt` or `bad-config`.
 */
export class DuckDBStore implements SeriesStore, Shedder {
  readonly name = 'store';
  private session: Session | undefined;
  private isRunning = false;
  /** One transaction at a time. */
  private readonly writing = new Mutex();
  /** One of repair, prune and shed at a time; each takes its turns at `writing`. */
  private readonly maintaining = new Mutex();
  private readonly metrics: StoreMetrics | undefined;

  constructor(private readonly options: DuckDBStoreOptions) {
    const { registry } = options;
    this.metrics = registry && new StoreMetrics(registry, (tier) => this.session?.marks.count(tier) ?? 0);
  }

  async start(): Promise<void> {
    if (this.isRunning) return;
    this.session = await this.open();
    this.isRunning = true;
  }

  async stop(deadlineMs: number): Promise<void> {
    if (!this.isRunning) return this.writing.run(async () => undefined);
    this.isRunning = false;
    const session = this.session;
    const finished = new AbortController();
    const late = this.options.clock.sleep(deadlineMs, finished.signal).then(() => session?.database.interrupt());
    await this.writing.run(async () => this.close(session));
    finished.abort();
    await late;
  }

  async write(batch: StoreBatch): Promise<WriteOutcome> {
    const startMs = this.options.clock.monotonicMs();
    const outcome = await this.guard('write a batch', () =>
      this.writing.run(async () => writeBatch(await this.healthySession(), batch, this.options.clock.nowUs())),
    );
    this.metrics?.written(outcome, this.options.clock.monotonicMs() - startMs);
    return outcome;
  }

  async ledger(filter?: SeriesFilter): Promise<Map<LedgerSource, SequenceRanges>> {
    return this.openSession().ledger.snapshot(filter);
  }

  points(filter: SeriesFilter, range: TimeRange, repeats?: 'repeats'): AsyncIterable<StoredPoint[]> {
    return this.scan(({ series }, reader) => pointPages(reader, series, series.match(filter), range, repeats));
  }

  async recent(id: SeriesId, range: TimeRange, limit: number): Promise<StoredPoint[]> {
    const { series, database } = this.openSession();
    const entry = series.find(id);
    if (!entry || limit < 1) return [];
    const nowUs = this.options.clock.nowUs();
    return this.read(database.readers, (reader) => recentPoints(reader, series, entry, range, limit, nowUs));
  }

  rollups(tier: RollupTier, filter: SeriesFilter, range: TimeRange): AsyncIterable<StoredRollup[]> {
    return this.scan(({ series }, reader) => rollupPages(reader, series, tier, series.match(filter), range));
  }

  async alerts(filter: AlertFilter): Promise<DeviceAlert[]> {
    return this.read(this.openSession().database.readers, (reader) => readAlerts(reader, filter));
  }

  async repairRollups(closedBeforeUs: number): Promise<RepairOutcome> {
    return this.maintain('repair rollups', async (session) => {
      const before = session.repeatsRemoved;
      const outcome = await repairRollups(session, this.writing, closedBeforeUs);
      const points = session.repeatsRemoved - before;
      if (points > 0) this.options.logger.info({ points }, 'points that had come twice are removed');
      return outcome;
    });
  }

  async prune(nowUs: number): Promise<void> {
    await this.maintain('prune', async (session) => {
      await advanceSeal(session, this.writing, session.seal.due(nowUs).beforeUs);
      const points = await deleteSealed(session, this.writing);
      await deleteOldRollups(session, this.writing, nowUs);
      await compactLedger(session, this.writing);
      if (points > 0) this.options.logger.info({ points }, 'raw points older than their retention are deleted');
    });
  }

  async bytes(): Promise<number> {
    const { database } = this.openSession();
    return this.read(database.readers, (reader) => usedBytes(reader, database.file));
  }

  async shed(wantedBytes: number): Promise<{ bytes: number; readings: number }> {
    return this.maintain('shed', async (session) => {
      const before = await this.bytes();
      const nowUs = this.options.clock.nowUs();
      const readings = await shedOldest(session, this.writing, wantedBytes, before, nowUs);
      this.metrics?.gaveUp(readings);
      this.options.logger.warn({ readings, wantedBytes }, 'the oldest raw points were given up to make room');
      return { bytes: Math.max(0, before - (await this.bytes())), readings };
    });
  }

  private open(): Promise<Session> {
    const { file, retention, memoryLimitMb = 128, threads = 1, checkpointMb = 16 } = this.options;
    return Session.open({ file, memoryLimitMb, threads, checkpointMb }, retention);
  }

  private async close(session: Session | undefined): Promise<void> {
    this.session = undefined;
    if (!session) return;
    session.isClosing = true;
    // Closing would do it as well, but on the event loop.
    if (!session.isBroken) await session.checkpoint().catch((error: unknown) => this.logFailure(error));
    await session.close();
  }

  private logFailure(error: unknown): void {
    this.options.logger.warn({ err: error }, 'the write-ahead log stays for the next start');
  }

  private openSession(): Session {
    if (this.session) return this.session;
    throw new RetryableError('unavailable', 'the store is not open');
  }

  /** The session; one whose state is in doubt is closed and opened again. Call it in a turn of `writing`. */
  private async healthySession(): Promise<Session> {
    if (this.session && !this.session.isBroken) return this.session;
    if (!this.isRunning) throw new RetryableError('unavailable', 'the store is not open');
    const broken = this.session;
    this.session = undefined;
    await broken?.close();
    this.options.logger.warn({ file: this.options.file }, 'the store is opened again after a failure');
    this.session = await this.open();
    return this.session;
  }

  private maintain<T>(doing: string, work: (session: Session) => Promise<T>): Promise<T> {
    return this.guard(doing, () =>
      this.maintaining.run(async () => work(await this.writing.run(() => this.healthySession()))),
    );
  }

  private read<T>(readers: ReaderPool, work: (reader: Reader) => Promise<T>): Promise<T> {
    return this.guard('read', () => readers.use(work));
  }

  private async *scan<T>(work: (session: Session, reader: Reader) => AsyncGenerator<T>): AsyncGenerator<T> {
    try {
      const session = this.openSession();
      yield* session.database.scanners.use((reader) => work(session, reader));
    } catch (error) {
      throw storeError(error, 'read');
    }
  }

  private async guard<T>(doing: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw storeError(error, doing);
    }
  }
}
