import type { Point } from '#core/contract/reading.js';
import { bucketStart } from '#core/contract/time.js';
import type { DuckDBConnection } from '@duckdb/node-api';
import type { MarkAddition } from './dirty-marks.js';
import { addRow, readRollupRows, rollupColumns, rollupSelection, rowOfPoint, type RollupRow } from './rollup-row.js';
import type { Seal } from './seal.js';
import type { TableAppender } from './table-appender.js';
import { lowestTier, rollupTiers, type TierSpec } from './tiers.js';

/** Buckets looked up by one statement. */
const keysPerStatement = 500;

/**
 * The readings of one batch that are older than the raw points: what they add to the sealed buckets, in the same
 * transaction that puts their packs into the ledger, so that each is added once.
 */
export class ExpiredParts {
  private readonly tiers = new Map<TierSpec, Map<string, RollupRow>>();

  constructor(
    private readonly seal: Seal,
    private readonly nowUs: number,
  ) {}

  add(seriesId: number, point: Point, marks: MarkAddition): void {
    const lowest = lowestTier(point);
    if (!lowest) return;
    for (const tier of rollupTiers.slice(lowest.code)) {
      const bucketUs = bucketStart(point.timeUs, tier.widthUs);
      if (bucketUs < this.seal.cutoffUs(tier.name, this.nowUs)) continue;
      if (this.seal.isSealed(tier, bucketUs)) this.addTo(tier, rowOfPoint(seriesId, bucketUs, point));
      else marks.touch(tier.code, seriesId, bucketUs, false);
    }
  }

  /** Merges into the rollup tables, inside the connection's transaction. */
  async store(connection: DuckDBConnection, appenders: ReadonlyMap<TierSpec, TableAppender>): Promise<void> {
    for (const [tier, added] of this.tiers) {
      const rows = [...added.values()];
      for (let i = 0; i < rows.length; i += keysPerStatement) {
        await mergeRows(connection, tier, rows.slice(i, i + keysPerStatement), appenders.get(tier)!);
      }
    }
  }

  private addTo(tier: TierSpec, row: RollupRow): void {
    let rows = this.tiers.get(tier);
    if (!rows) this.tiers.set(tier, (rows = new Map()));
    const known = rows.get(keyOf(row));
    if (known) addRow(known, row);
    else rows.set(keyOf(row), row);
  }
}

async function mergeRows(
  connection: DuckDBConnection,
  { table }: TierSpec,
  added: readonly RollupRow[],
  appender: TableAppender,
): Promise<void> {
  const keys = added.map(({ seriesId, timeUs }) => `(${seriesId}, ${timeUs})`).join(',');
  const times = added.map(({ timeUs }) => timeUs);
  // The bounds let the zone maps leave out the rest of the table.
  const match = `r.series_id = k.series_id AND r.time_us = k.time_us
    AND r.time_us BETWEEN ${Math.min(...times)} AND ${Math.max(...times)}`;
  const from = `(VALUES ${keys}) k(series_id, time_us)`;
  const stored = await connection.run(`SELECT ${rollupSelection} FROM ${table} r, ${from} WHERE ${match}`);
  const merged = new Map(added.map((row) => [keyOf(row), row]));
  for (const chunk of await stored.fetchAllChunks()) {
    for (const row of readRollupRows(chunk)) {
      addRow(row, merged.get(keyOf(row))!);
      merged.set(keyOf(row), row);
    }
  }
  await connection.run(`DELETE FROM ${table} r USING ${from} WHERE ${match}`);
  await appender.append(rollupColumns([...merged.values()]));
}

function keyOf({ seriesId, timeUs }: RollupRow): string {
  return `${seriesId} ${timeUs}`;
}
