import { bucketStart, dayUs, hourUs, minuteUs } from '#core/contract/time.js';
import type { Mutex } from '#core/runtime/mutex.js';
import { formCodes } from './codes.js';
import { repairRollups } from './repair.js';
import type { Session } from './session.js';
import { allTiers } from './tiers.js';

/** Rows deleted by one transaction, so that no write waits for long and the write-ahead log stays small. */
const rowsPerDelete = 250_000;

/**
 * Moves the seal up to `beforeUs`, an hour's border: what is dirty before it is computed first, with the raw points
 * still there.
 */
export async function advanceSeal(session: Session, writing: Mutex, beforeUs: number): Promise<void> {
  while (beforeUs > session.seal.beforeUs) {
    // A bucket that starts before the border ends at most a day after it.
    while (session.marks.hasBefore(beforeUs)) await repairRollups(session, writing, beforeUs + dayUs, false);
    await writing.run(async () => {
      // A late point may have come between the repair and this turn.
      if (session.marks.hasBefore(beforeUs) || beforeUs <= session.seal.beforeUs) return;
      const seal = session.seal.at(beforeUs);
      await session.transaction((connection) => session.saveSeal(connection, seal));
      session.seal = seal;
    });
  }
}

/** Deletes the raw points behind the seal; resolves with their number. */
export async function deleteSealed(session: Session, writing: Mutex): Promise<number> {
  const { beforeUs } = session.seal;
  // Windows wider than an hour feed the day, which may still be open.
  const wide = `(span_us <= ${hourUs} OR time_us < ${bucketStart(beforeUs, dayUs)})`;
  const gapUs = session.series.longestGapUs;
  // The last segments before the seal are where the first lines behind it begin.
  const isPast = gapUs === 0 ? 'true' : `(form <> ${formCodes.segment} OR time_us < ${beforeUs - gapUs})`;
  return deleteOlder(session, writing, 'points', beforeUs, `${wide} AND ${isPast}`);
}

/** Deletes the rollups that are older than their tier is kept; what is computed from them is computed first. */
export async function deleteOldRollups(session: Session, writing: Mutex, nowUs: number): Promise<void> {
  for (const { name, table } of allTiers) {
    const cutoffUs = session.seal.cutoffUs(name, nowUs);
    if (!Number.isFinite(cutoffUs)) continue;
    while (session.marks.hasBefore(cutoffUs)) await repairRollups(session, writing, cutoffUs + dayUs, false);
    await deleteOlder(session, writing, table, cutoffUs);
  }
}

/** Makes one row of each run of numbers: batches have appended theirs one by one. */
export async function compactLedger(session: Session, writing: Mutex): Promise<void> {
  await writing.run(async () => {
    const columns = session.ledger.columns();
    const [stored] = await session.database.computer.query('SELECT count(*)::INTEGER FROM ledger');
    if ((stored?.getColumnVector(0).getItem(0) as number) < 2 * columns[0]!.length + 1000) return;
    await session.transaction(async (connection) => {
      await connection.run('DELETE FROM ledger');
      await session.appenders.ledger.append(columns);
    });
  });
}

/** Deletes rows before `beforeUs`, the oldest first, in slices of time that hold about `rowsPerDelete`. */
async function deleteOlder(
  session: Session,
  writing: Mutex,
  table: string,
  beforeUs: number,
  condition = 'true',
): Promise<number> {
  let [deleted, sliceUs] = [0, minuteUs];
  for (;;) {
    const where = `WHERE time_us < ${beforeUs} AND ${condition}`;
    const [found] = await session.database.computer.query(`SELECT min(time_us)::DOUBLE FROM ${table} ${where}`);
    const oldestUs = found?.getColumnVector(0).getItem(0) as number | null | undefined;
    if (oldestUs === null || oldestUs === undefined) return deleted;
    const sql = `DELETE FROM ${table} ${where} AND time_us < ${Math.min(beforeUs, oldestUs + sliceUs)}`;
    const rows = await writing.run(() =>
      session.transaction(async (connection) => (await connection.run(sql)).rowsChanged),
    );
    deleted += rows;
    sliceUs = nextSlice(sliceUs, rows);
  }
}

function nextSlice(sliceUs: number, rows: number): number {
  if (rows > rowsPerDelete) return Math.max(1_000_000, Math.floor(sliceUs / 2));
  return rows < rowsPerDelete / 4 ? Math.min(30 * dayUs, sliceUs * 2) : sliceUs;
}
