import type { DuckDBConnection } from '@duckdb/node-api';
import { FatalError } from '#core/runtime/errors.js';

/** The version of the tables below. A file with a newer one is refused; an older one is migrated by `migrations`. */
export const dataFormat = 3;

/**
 * No primary key on `points`: it would cost four fifths of the write rate and an index in memory. What comes twice is
 * left out when a bucket is computed and when points are read. `flags` is the quality and the minus zeros.
 * What only windows have is 0 for other points; `p95` is null for a window without it.
 * Rollups of segments have tables of their own: their weight is microseconds, that of readings a count.
 * `first_us` and `last_us` of a rollup place a reading that is added after the raw ones are gone.
 */
const tables = `
  CREATE TABLE state (name VARCHAR, number BIGINT);
  CREATE TABLE series (
    series_id INTEGER, site VARCHAR, device VARCHAR, sensor VARCHAR, quantity VARCHAR, unit VARCHAR, labels VARCHAR,
    interpolation VARCHAR, max_gap_us BIGINT);
  CREATE TABLE points (
    series_id INTEGER, time_us BIGINT, form UTINYINT, flags UTINYINT, value DOUBLE, text VARCHAR,
    span_us BIGINT, count BIGINT, min DOUBLE, max DOUBLE, first DOUBLE, last DOUBLE, p95 DOUBLE);
  ${tierTables('rollup')}
  ${tierTables('segment')}
  CREATE TABLE ledger (source VARCHAR, from_seq BIGINT, to_seq BIGINT);
  CREATE TABLE dirty (tier UTINYINT, series_id INTEGER, bucket_us BIGINT, mark BIGINT);
  CREATE TABLE alerts (
    site VARCHAR, device VARCHAR, sensor VARCHAR, rule VARCHAR, state VARCHAR, severity VARCHAR, time_us BIGINT,
    value DOUBLE, threshold DOUBLE, message VARCHAR);
  INSERT INTO state VALUES ('format', ${dataFormat});
`;

function tierTables(kind: string): string {
  return ['1m', '1h', '1d'].map((tier) => rollupTable(`${kind}_${tier}`)).join('');
}

function rollupTable(name: string): string {
  return `CREATE TABLE IF NOT EXISTS ${name} (
    series_id INTEGER, time_us BIGINT, sum DOUBLE, weight DOUBLE, count BIGINT, min DOUBLE, max DOUBLE,
    first DOUBLE, last DOUBLE, first_us BIGINT, last_us BIGINT);`;
}

/** What makes a file of the version before one of this version. */
const migrations: Readonly<Record<number, string>> = {
  2: 'ALTER TABLE points ADD COLUMN p95 DOUBLE;',
  // Segments that are there already are rolled up when a point comes beside them.
  3: `${tierTables('segment')}
    ALTER TABLE series ADD COLUMN IF NOT EXISTS interpolation VARCHAR DEFAULT 'none';
    ALTER TABLE series ADD COLUMN IF NOT EXISTS max_gap_us BIGINT DEFAULT 600000000;`,
};

/** Creates the tables in an empty file, brings those of an older version up to date. Throws FatalError `bad-data-format` for one of another kind or a newer version. */
export async function ensureSchema(connection: DuckDBConnection, file: string): Promise<void> {
  const found = await connection.runAndReadAll('SELECT table_name FROM duckdb_tables() WHERE schema_name = $1', [
    'main',
  ]);
  const names = found.getColumnsJS()[0] ?? [];
  if (names.length === 0) {
    await connection.run(`BEGIN; ${tables} COMMIT;`);
    return;
  }
  const version = names.includes('state') ? await readNumber(connection, 'format') : undefined;
  if (version !== undefined && version <= dataFormat) return migrate(connection, version);
  const what = version === undefined ? 'is not a Fieldline store' : `has data format ${version}, this is ${dataFormat}`;
  throw new FatalError('bad-data-format', `${file} ${what}: use the version that wrote it, or another data folder`);
}

async function migrate(connection: DuckDBConnection, from: number): Promise<void> {
  for (let version = from + 1; version <= dataFormat; version += 1) {
    const state = `UPDATE state SET number = ${version} WHERE name = 'format';`;
    await connection.run(`BEGIN; ${migrations[version]} ${state} COMMIT;`);
  }
}

/** One number of the table `state`. */
export async function readNumber(connection: DuckDBConnection, name: string): Promise<number | undefined> {
  const result = await connection.runAndReadAll('SELECT number::DOUBLE FROM state WHERE name = $1', [name]);
  return result.getRowsJS()[0]?.[0] as number | undefined;
}
