import { stat } from 'node:fs/promises';
import { bucketStart, hourUs } from '#core/contract/time.js';
import type { Mutex } from '#core/runtime/mutex.js';
import type { Reader } from './reader.js';
import { advanceSeal, deleteSealed } from './retire.js';
import type { Session } from './session.js';

/** Bytes in use: the blocks of the file that hold something, and the write-ahead log. */
export async function usedBytes(reader: Reader, file: string): Promise<number> {
  const [sizes] = await reader.query(
    'SELECT block_size::DOUBLE * used_blocks::DOUBLE FROM pragma_database_size() WHERE database_name = current_database()',
  );
  const log = await stat(`${file}.wal`).then(
    ({ size }) => size,
    () => 0,
  );
  return (sizes!.getColumnVector(0).getItem(0) as number) + log;
}

/**
 * Deletes the oldest raw points, hour by hour, until about `wantedBytes` are free; their rollups stay, and the hour
 * that is running. Resolves with the number of points deleted.
 */
export async function shedOldest(
  session: Session,
  writing: Mutex,
  wantedBytes: number,
  bytes: number,
  nowUs: number,
): Promise<number> {
  const rows = await readNumber(session, 'SELECT count(*)::DOUBLE FROM points');
  if (!rows) return 0;
  const wantedRows = Math.ceil((wantedBytes * rows) / bytes);
  let deleted = 0;
  while (deleted < wantedRows) {
    const { beforeUs } = session.seal;
    const sql = `SELECT min(time_us)::DOUBLE FROM points WHERE time_us >= ${beforeUs}`;
    const endUs = bucketStart((await readNumber(session, sql)) ?? nowUs, hourUs) + hourUs;
    if (endUs > nowUs) break;
    await advanceSeal(session, writing, endUs);
    deleted += await deleteSealed(session, writing);
  }
  // Only a checkpoint gives the blocks of deleted rows back.
  await writing.run(() => session.checkpoint());
  return deleted;
}

async function readNumber(session: Session, sql: string): Promise<number | undefined> {
  const [chunk] = await session.database.computer.query(sql);
  return (chunk?.getColumnVector(0).getItem(0) as number | null | undefined) ?? undefined;
}
