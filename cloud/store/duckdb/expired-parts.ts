import type { Point } from '#core/contract/reading.js';
import { bucketStart } from '#core/contract/time.js';
import type { DuckDBConnection } from '@duckdb/node-api';
import type { MarkAddition } from './dirty-marks.js';
import {
  addLateParts,
  addParts,
  pieceOf,
  piecePart,
  type Piece,
  type TimedParts,
} from '#core/signal/segment-rollup.js';
import { readRollupRows, rollupColumns, rollupSelection, rowOfPoint, type RollupRow } from './rollup-row.js';
import type { Seal } from './seal.js';
import type { TableAppender } from './table-appender.js';
import type { SeriesEntry } from './series-dictionary.js';
import { lowestTier, rollupTiers, segmentTiers, tierBelow, type TierSpec } from './tiers.js';

/** Buckets looked up by one statement. */
const keysPerStatement = 500;

/**
 * The readings of one batch that are older than the raw points: what they add to the sealed buckets, in the same
 * transaction that puts their packs into the ledger, so that each is added once.
 */
export class ExpiredParts {
  private readonly tiers = new Map<TierSpec, Map<string, RollupRow>>();
  private readonly lastSegments = new Map<SeriesEntry, Point>();

  constructor(
    private readonly seal: Seal,
    private readonly nowUs: number,
  ) {}

  add(series: SeriesEntry, point: Point, marks: MarkAddition): void {
    if (point.form === 'segment') return this.addSegment(series, point, marks);
    const lowest = lowestTier(point);
    if (!lowest) return;
    for (const tier of rollupTiers.slice(lowest.code)) {
      const bucketUs = bucketStart(point.timeUs, tier.widthUs);
      this.place(tier, series, bucketUs, marks, () => rowOfPoint(series.id, bucketUs, point));
    }
  }

  /** After the transaction. */
  commit(): void {
    for (const [series, point] of this.lastSegments) series.lastExpired = point;
  }

  /**
   * A segment point as if it stood alone, and the line to it from the one that expired before it: that one's own
   * microsecond has been added already. Lines between an expired and a stored point are not drawn.
   */
  private addSegment(series: SeriesEntry, point: Point, marks: MarkAddition): void {
    const before = this.lastSegments.get(series) ?? series.lastExpired;
    this.lastSegments.set(series, point);
    if (before && before.timeUs < point.timeUs) {
      const line = pieceOf(before, point, series);
      if (line) this.addPiece(series, line, before.timeUs + 1, marks);
    }
    const alone = pieceOf(point, undefined, series);
    if (alone) this.addPiece(series, alone, point.timeUs, marks);
  }

  private addPiece(series: SeriesEntry, piece: Piece, fromUs: number, marks: MarkAddition): void {
    for (const tier of segmentTiers) {
      const { widthUs } = tier;
      for (let bucketUs = bucketStart(fromUs, widthUs); bucketUs < piece.untilUs; bucketUs += widthUs) {
        const part = piecePart(piece, Math.max(fromUs, bucketUs), bucketUs + widthUs);
        if (part) this.place(tier, series, bucketUs, marks, () => ({ seriesId: series.id, timeUs: bucketUs, ...part }));
      }
    }
  }

  private place(
    tier: TierSpec,
    { id }: SeriesEntry,
    bucketUs: number,
    marks: MarkAddition,
    row: () => RollupRow,
  ): void {
    if (bucketUs < this.seal.cutoffUs(tier.name, this.nowUs)) return;
    if (this.isComputed(tier, bucketUs)) marks.touch(tier.code, id, bucketUs, false);
    else this.addTo(tier, row());
  }

  /** Segments feed only the minutes, so what lies above can be computed for as long as the tier below is kept. */
  private isComputed(tier: TierSpec, bucketUs: number): boolean {
    if (tier.of === 'readings') return !this.seal.isSealed(tier, bucketUs);
    const below = tierBelow(tier);
    return below !== undefined && bucketUs >= this.seal.cutoffUs(below.name, this.nowUs);
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
    if (known) addTo(tier, known, row);
    else rows.set(keyOf(row), row);
  }
}

async function mergeRows(
  connection: DuckDBConnection,
  tier: TierSpec,
  added: readonly RollupRow[],
  appender: TableAppender,
): Promise<void> {
  const { table } = tier;
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
      addTo(tier, row, merged.get(keyOf(row))!);
      merged.set(keyOf(row), row);
    }
  }
  await connection.run(`DELETE FROM ${table} r USING ${from} WHERE ${match}`);
  await appender.append(rollupColumns([...merged.values()]));
}

function addTo({ of, widthUs }: TierSpec, row: RollupRow, added: TimedParts): void {
  if (of === 'segments') addLateParts(row, added, widthUs);
  else addParts(row, added);
}

function keyOf({ seriesId, timeUs }: RollupRow): string {
  return `${seriesId} ${timeUs}`;
}
