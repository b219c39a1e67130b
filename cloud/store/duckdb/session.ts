import type { DuckDBConnection, DuckDBDataChunk } from '@duckdb/node-api';
import { RetryableError } from '#core/runtime/errors.js';
import type { Retention } from '../store.js';
import type { StoreMemory } from './batch-plan.js';
import { Database, type DatabaseOptions } from './database.js';
import { DirtyMarks, type DirtyRow } from './dirty-marks.js';
import { Ledger, type LedgerRow } from './ledger.js';
import { PointColumns } from './point-columns.js';
import { rollupKinds } from './rollup-row.js';
import { readNumber } from './schema.js';
import { Seal } from './seal.js';
import { SeriesDictionary, type SeriesRow } from './series-dictionary.js';
import { TableAppender, type ColumnKind } from './table-appender.js';
import { allTiers, type TierSpec } from './tiers.js';

const seriesSql = `SELECT series_id, site, device, sensor, quantity, unit, labels, interpolation, max_gap_us::DOUBLE
  FROM series ORDER BY series_id`;

const texts = (count: number): ColumnKind[] => Array.from({ length: count }, () => 'text');

/** One life of an open file: the database, and what is kept in memory of it. */
export class Session implements StoreMemory {
  /** Set when the file's state is in doubt: the session must be closed and another opened. */
  isBroken = false;
  /** Set when it is to be closed: long work on it ends. */
  isClosing = false;
  /** Points that were there already, found and deleted since the session began. */
  repeatsRemoved = 0;

  private constructor(
    readonly database: Database,
    readonly series: SeriesDictionary,
    readonly ledger: Ledger,
    readonly marks: DirtyMarks,
    public seal: Seal,
    readonly appenders: Appenders,
  ) {}

  static async open(options: DatabaseOptions, retention: Retention): Promise<Session> {
    const database = await Database.open(options);
    try {
      const { writer } = database;
      return new Session(
        database,
        new SeriesDictionary(await rowsOf<SeriesRow>(writer, seriesSql), await newestStamp(writer)),
        new Ledger(await rowsOf<LedgerRow>(writer, 'SELECT source, from_seq::DOUBLE, to_seq::DOUBLE FROM ledger')),
        new DirtyMarks(
          await rowsOf<DirtyRow>(writer, 'SELECT tier, series_id, bucket_us::DOUBLE, mark::DOUBLE FROM dirty'),
        ),
        new Seal((await readNumber(writer, 'seal')) ?? Number.MIN_SAFE_INTEGER, retention),
        await openAppenders(writer),
      );
    } catch (error) {
      await database.close();
      throw error;
    }
  }

  /**
   * Runs `work` in one transaction of the writing connection. If it fails, nothing of it is in the file; if the commit
   * itself fails, nobody knows, and the session is broken.
   */
  async transaction<T>(work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
    const { writer } = this.database;
    this.checkOpen();
    await this.runOrBreak('BEGIN TRANSACTION');
    let result: T;
    try {
      result = await work(writer);
    } catch (error) {
      await this.rollBack();
      throw error;
    }
    await this.runOrBreak('COMMIT');
    return result;
  }

  /** Throws RetryableError `unavailable` if the session is closed, or about to be. */
  checkOpen(): void {
    if (this.isClosing) throw new RetryableError('unavailable', 'the store is being closed');
  }

  /** Folds the write-ahead log into the file. */
  async checkpoint(): Promise<void> {
    await this.database.writer.run('CHECKPOINT');
  }

  /** Nobody may be writing. */
  async close(): Promise<void> {
    this.isClosing = true;
    await this.database.close();
  }

  /** Moves the seal, inside a transaction; `seal` is to be set after it. */
  async saveSeal(connection: DuckDBConnection, { beforeUs }: Seal): Promise<void> {
    await connection.run(`DELETE FROM state WHERE name = 'seal'; INSERT INTO state VALUES ('seal', ${beforeUs})`);
  }

  private async runOrBreak(sql: string): Promise<void> {
    try {
      await this.database.writer.run(sql);
    } catch (error) {
      this.isBroken = true;
      throw error;
    }
  }

  private async rollBack(): Promise<void> {
    try {
      for (const appender of this.appenders.all) appender.clear();
      await this.runOrBreak('ROLLBACK');
    } catch {
      // The error that led here is the one to tell.
    }
  }
}

interface Appenders {
  readonly points: TableAppender;
  readonly series: TableAppender;
  readonly ledger: TableAppender;
  readonly dirty: TableAppender;
  readonly alerts: TableAppender;
  readonly rollups: ReadonlyMap<TierSpec, TableAppender>;
  readonly all: readonly TableAppender[];
}

async function openAppenders(writer: DuckDBConnection): Promise<Appenders> {
  const open = (table: string, kinds: readonly ColumnKind[]) => TableAppender.create(writer, table, kinds);
  const points = await open('points', PointColumns.kinds);
  const series = await open('series', ['number', ...texts(7), 'number']);
  const ledger = await open('ledger', ['text', 'number', 'number']);
  const dirty = await open('dirty', ['number', 'number', 'number', 'number']);
  const alerts = await open('alerts', [...texts(6), 'number', 'number', 'number', 'text']);
  const rollups = new Map<TierSpec, TableAppender>();
  for (const tier of allTiers) rollups.set(tier, await open(tier.table, rollupKinds));
  const all = [points, series, ledger, dirty, alerts, ...rollups.values()];
  return { points, series, ledger, dirty, alerts, rollups, all };
}

/** Of all points in the file; minus infinity if there is none. */
async function newestStamp(connection: DuckDBConnection): Promise<number> {
  const [row] = await rowsOf<[number | null]>(connection, 'SELECT max(time_us)::DOUBLE FROM points');
  return row?.[0] ?? Number.NEGATIVE_INFINITY;
}

async function rowsOf<Row>(connection: DuckDBConnection, sql: string): Promise<Row[]> {
  const result = await connection.run(sql);
  const rows: Row[] = [];
  for (const chunk of await result.fetchAllChunks()) rows.push(...rowsOfChunk<Row>(chunk));
  return rows;
}

function rowsOfChunk<Row>(chunk: DuckDBDataChunk): Row[] {
  return chunk.getRows() as Row[];
}
