import { bucketStart } from '#core/contract/time.js';
import type { DuckDBDataChunk } from '@duckdb/node-api';
import type { RepairOutcome, RollupTier } from '../store.js';
import { MarkAddition, type Round } from './dirty-marks.js';
import type { Mutex } from '#core/runtime/mutex.js';
import { computeSql, countRepeatsSql, deleteMarksSql, deleteRepeatsSql, deleteStaleSql } from './rollup-sql.js';
import type { Session } from './session.js';
import { segmentSql } from './segment-sql.js';
import { allTiers, tierAbove, tierBelow, type TierSpec } from './tiers.js';

/** Marks settled by one call: a backlog is worked off in several, so that the newest buckets never wait long. */
const maxMarksPerCall = 20_000;

/**
 * Computes dirty buckets that ended by `closedBeforeUs`, tier by tier, the newest first. A round is computed on a
 * reading connection while batches are written, and only then taken over in one short transaction.
 */
export async function repairRollups(
  session: Session,
  writing: Mutex,
  closedBeforeUs: number,
  openTiers = true,
): Promise<RepairOutcome> {
  const repaired: Record<RollupTier, number> = { '1m': 0, '1h': 0, '1d': 0 };
  for (const tier of allTiers) {
    // Above the minute, buckets are computed while they are still open.
    const endUs = openTiers && tierBelow(tier) ? Number.POSITIVE_INFINITY : closedBeforeUs;
    repaired[tier.name] += await repairTier(session, writing, tier, endUs);
  }
  const remaining = allTiers.reduce((sum, tier) => sum + session.marks.count(tier), 0);
  return { repaired, remaining };
}

async function repairTier(session: Session, writing: Mutex, tier: TierSpec, endUs: number): Promise<number> {
  const starts = session.marks.closed(tier, endUs);
  let settled = 0;
  while (settled < maxMarksPerCall) {
    // Between two writes, so that every mark taken stands for points that can be read.
    const round = await writing.run(async () => {
      session.checkOpen();
      return session.marks.take(tier, starts);
    });
    if (!round) break;
    await settleRound(session, writing, round);
    settled += round.size;
  }
  return settled;
}

async function settleRound(session: Session, writing: Mutex, round: Round): Promise<void> {
  let succeeded = false;
  try {
    if (round.mayRepeat && round.tier.of === 'readings') await removeRepeats(session, writing, round);
    const chunks = await session.database.computer.query(sqlOf(session, round));
    await writing.run(async () => {
      const above = marksAbove(session, round);
      await session.transaction(async (connection) => {
        await connection.run(deleteStaleSql(round));
        appendChunks(session, round.tier, chunks);
        await connection.run(deleteMarksSql(round));
        await session.appenders.dirty.append(above.columns());
      });
      above.commit();
    });
    succeeded = true;
  } finally {
    session.marks.settle(round, succeeded);
  }
}

function sqlOf({ series }: Session, round: Round): string {
  const isOfPoints = round.tier.of === 'segments' && !tierBelow(round.tier);
  return isOfPoints ? segmentSql(round, series.longestGapUs) : computeSql(round);
}

/** Leaves one point of each identity, so that nothing is counted twice. They are rare, so they are looked for first. */
async function removeRepeats(session: Session, writing: Mutex, round: Round): Promise<void> {
  const [found] = await session.database.computer.query(countRepeatsSql(round));
  if (found?.getColumnVector(0).getItem(0) === 0) return;
  await writing.run(() =>
    session.transaction(async (connection) => {
      session.repeatsRemoved += (await connection.run(deleteRepeatsSql(round))).rowsChanged;
    }),
  );
}

function appendChunks({ appenders }: Session, tier: TierSpec, chunks: readonly DuckDBDataChunk[]): void {
  const appender = appenders.rollups.get(tier)!;
  for (const chunk of chunks) appender.appendChunk(chunk);
  appender.flush();
}

/** The buckets of the next tier that hold those of the round. */
function marksAbove({ marks }: Session, { tier, buckets }: Round): MarkAddition {
  const addition = new MarkAddition(marks);
  const above = tierAbove(tier);
  if (!above) return addition;
  for (const [bucketUs, series] of buckets) {
    const start = bucketStart(bucketUs, above.widthUs);
    for (const seriesId of series.keys()) addition.touch(above.code, seriesId, start, false);
  }
  return addition;
}
