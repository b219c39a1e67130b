import type { DuckDBConnection, DuckDBDataChunk, DuckDBPreparedStatement } from '@duckdb/node-api';
import { RetryableError } from '#core/runtime/errors.js';

/** A parameter of a statement. Numbers are integers and go in as BIGINT, so that the zone maps are used. */
export type Parameter = number | string;

/** One connection for reading. One call at a time. */
export class Reader {
  private readonly statements = new Map<string, DuckDBPreparedStatement>();
  private job: Promise<unknown> = Promise.resolve();
  private closed = false;

  constructor(readonly connection: DuckDBConnection) {}

  /** The whole result. A statement with parameters is kept for the next call with the same text. */
  async query(sql: string, parameters: readonly Parameter[] = []): Promise<DuckDBDataChunk[]> {
    const statement = parameters.length > 0 ? await this.bound(sql, parameters) : undefined;
    const result = await this.run(() => statement?.run() ?? this.connection.run(sql));
    return Array.from({ length: result.chunkCount }, (_value, i) => result.getChunk(i));
  }

  /** The result in chunks as they are made; leaving early is fine. */
  async *stream(sql: string, parameters: readonly Parameter[] = []): AsyncGenerator<DuckDBDataChunk> {
    const statement = await this.run(() => this.connection.prepare(sql));
    try {
      bind(statement, parameters);
      const result = await this.run(() => statement.stream());
      for (;;) {
        const chunk = await this.run(() => result.fetchChunk());
        if (!chunk || chunk.rowCount === 0) return;
        yield chunk;
      }
    } finally {
      statement.destroySync();
    }
  }

  /** Interrupts what runs, waits for it and closes the connection. */
  async close(): Promise<void> {
    this.closed = true;
    this.connection.interrupt();
    await this.job.catch(() => undefined);
    for (const statement of this.statements.values()) statement.destroySync();
    this.connection.disconnectSync();
  }

  private async bound(sql: string, parameters: readonly Parameter[]): Promise<DuckDBPreparedStatement> {
    let statement = this.statements.get(sql);
    if (!statement) {
      statement = await this.run(() => this.connection.prepare(sql));
      this.statements.set(sql, statement);
    }
    bind(statement, parameters);
    return statement;
  }

  private run<T>(start: () => Promise<T>): Promise<T> {
    if (this.closed) throw new RetryableError('unavailable', 'the store is being closed');
    const job = start();
    this.job = job;
    return job;
  }
}

function bind(statement: DuckDBPreparedStatement, parameters: readonly Parameter[]): void {
  for (const [i, value] of parameters.entries()) {
    if (typeof value === 'string') statement.bindVarchar(i + 1, value);
    else statement.bindBigInt(i + 1, BigInt(asInteger(value)));
  }
}

/** Into the safe integers: an open end of a range may come as infinity. */
function asInteger(value: number): number {
  return Math.min(Number.MAX_SAFE_INTEGER, Math.max(Number.MIN_SAFE_INTEGER, Math.ceil(value)));
}
