import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { DuckDBStore } from '../../cloud/store/duckdb-store.js';
import { defaultRetention, type Retention } from '../../cloud/store/store.js';
import { systemClock } from '../../core/runtime/clock.js';
import { silentLogger } from '../../core/runtime/logger.js';
import { FaultyStore } from './faulty-store.js';
import { tempDir } from './temp-dir.js';

/** A started DuckDB store in a folder of its own, that a test can make fail. */
export async function openStore(retention: Retention = defaultRetention): Promise<FaultyStore> {
  const file = join(await tempDir(), 'series.duckdb');
  const behind = new DuckDBStore({ file, retention, clock: systemClock, logger: silentLogger });
  await behind.start();
  onTestFinished(() => behind.stop(2000));
  return new FaultyStore(behind);
}
