import { systemClock } from '#core/runtime/clock.js';
import { RetryableError } from '#core/runtime/errors.js';
import { silentLogger } from '#core/runtime/logger.js';
import { DuckDBStore } from '../../../cloud/store/duckdb-store.js';
import type { PackToStore } from '../../../cloud/store/store.js';
import { rawPoint, testCatalogue, testPack } from '../../support/packs.js';

/**
 * A process that writes one pack after another, from `firstSeq` on, and prints `ok <seq>` when it is acknowledged and
 * `again <seq>` when it must be written again; every tenth batch it repairs the rollups. It ends on SIGTERM.
 */
const [file, firstSeq, startUs] = process.argv.slice(2) as [string, string, string];
const catalogue = testCatalogue(['a', 'b']);
const store = new DuckDBStore({
  ...{ file, clock: systemClock, logger: silentLogger, checkpointMb: 1 },
  retention: { rawDays: 36_500, '1mDays': 36_500, '1hDays': 36_500 },
});
let isEnding = false;
process.on('SIGTERM', () => (isEnding = true));

/** Fifty readings of two sensors, a millisecond apart. */
function packOf(seq: number): PackToStore {
  const points = Array.from({ length: 50 }, (_value, i) => {
    const timeUs = Number(startUs) + (seq * 50 + i) * 1000;
    return rawPoint(i % 2 === 0 ? 'a' : 'b', timeUs, seq + i / 100);
  });
  return { pack: testPack(catalogue, seq, points), catalogue };
}

async function writeUntilTaken(seq: number): Promise<void> {
  for (;;) {
    try {
      await store.write({ packs: [packOf(seq)], alerts: [] });
      process.stdout.write(`ok ${seq}\n`);
      return;
    } catch (error) {
      if (!(error instanceof RetryableError)) throw error;
      process.stdout.write(`again ${seq} ${error.code}\n`);
      await systemClock.sleep(20);
    }
  }
}

await store.start();
for (let seq = Number(firstSeq); !isEnding; seq += 1) {
  await writeUntilTaken(seq);
  if (seq % 10 === 0) await store.repairRollups(systemClock.nowUs()).catch(() => undefined);
}
await store.stop(5000);
