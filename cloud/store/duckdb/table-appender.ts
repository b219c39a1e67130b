import { setImmediate as breathe } from 'node:timers/promises';
import { DuckDBDataChunk, DOUBLE, VARCHAR, type DuckDBAppender, type DuckDBConnection } from '@duckdb/node-api';

/** A column of rows to append: numbers, with NaN where there is none, or texts, with null. */
export type ColumnData = readonly number[] | readonly (string | null)[];
export type ColumnKind = 'number' | 'text';

const chunkRows = 2048;
/** Rows between two breaths: about 15 ms of the event loop. */
const breathRows = 8 * chunkRows;

/**
 * Appends rows to one table, inside the transaction that its connection is in.
 * Numbers go in as doubles and are cast: a double holds every integer that we have, and costs no BigInt.
 */
export class TableAppender {
  private readonly chunk: DuckDBDataChunk;

  private constructor(
    private readonly appender: DuckDBAppender,
    private readonly kinds: readonly ColumnKind[],
  ) {
    // One chunk for ever: garbage collection does not see the native memory of many.
    this.chunk = DuckDBDataChunk.create(kinds.map((kind) => (kind === 'number' ? DOUBLE : VARCHAR)));
  }

  static async create(
    connection: DuckDBConnection,
    table: string,
    kinds: readonly ColumnKind[],
  ): Promise<TableAppender> {
    return new TableAppender(await connection.createAppender(table), kinds);
  }

  /** Appends the rows of equally long columns; afterwards the transaction sees them. */
  async append(columns: readonly ColumnData[]): Promise<void> {
    const rows = columns[0]!.length;
    for (let from = 0; from < rows; from += chunkRows) {
      this.fill(columns, from, Math.min(chunkRows, rows - from));
      this.appender.appendDataChunk(this.chunk);
      if ((from + chunkRows) % breathRows === 0) {
        this.appender.flushSync();
        await breathe();
      }
    }
    if (rows > 0) this.appender.flushSync();
  }

  /** Appends a chunk that came out of a query with the same columns. */
  appendChunk(chunk: DuckDBDataChunk): void {
    this.appender.appendDataChunk(chunk);
  }

  flush(): void {
    this.appender.flushSync();
  }

  /** Forgets what was not flushed, after a rollback. */
  clear(): void {
    this.appender.clear();
  }

  private fill(columns: readonly ColumnData[], from: number, rows: number): void {
    this.chunk.reset();
    this.chunk.rowCount = rows;
    columns.forEach((data, column) => {
      const vector = this.chunk.getColumnVector(column);
      const isNumber = this.kinds[column] === 'number';
      for (let row = 0; row < rows; row += 1) {
        const value = data[from + row]!;
        vector.setItem(row, isNumber && Number.isNaN(value) ? null : value);
      }
      vector.flush();
    });
  }
}
