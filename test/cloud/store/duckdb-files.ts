import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '#core/runtime/clock.js';
import { silentLogger } from '#core/runtime/logger.js';
import { DuckDBStore, type DuckDBStoreOptions } from '../../../cloud/store/duckdb-store.js';
import { defaultRetention } from '../../../cloud/store/store.js';
import type { StoreUnderTest } from '../../contracts/series-store/harness.js';

/** A started store in a folder of its own. */
export interface DuckDBUnderTest extends StoreUnderTest {
  readonly store: DuckDBStore;
  readonly file: string;
  reopen(over?: Partial<DuckDBStoreOptions>): Promise<DuckDBStore>;
}

/**
 * `reopen` copies the files as they lie there, as they would after `kill -9`, and opens the copy: the lock of the file
 * itself is with the store that was left running.
 */
export async function openDuckDB(options: Partial<DuckDBStoreOptions> = {}): Promise<DuckDBUnderTest> {
  const root = await mkdtemp(join(tmpdir(), 'fieldline-duckdb-'));
  const fixed = { retention: defaultRetention, clock: systemClock, logger: silentLogger, ...options };
  const stores: DuckDBStore[] = [];
  let file = '';
  const openNext = async (over: Partial<DuckDBStoreOptions> = {}) => {
    const next = join(root, `${stores.length}.duckdb`);
    for (const end of ['', '.wal']) if (file) await cp(file + end, next + end).catch(() => undefined);
    file = next;
    stores.push(new DuckDBStore({ ...fixed, ...over, file }));
    await stores.at(-1)!.start();
    return stores.at(-1)!;
  };
  await openNext();
  return {
    get store() {
      return stores.at(-1)!;
    },
    get file() {
      return file;
    },
    reopen: openNext,
    close: async () => {
      for (const store of stores) await store.stop(5000);
      await rm(root, { recursive: true, force: true });
    },
  };
}
