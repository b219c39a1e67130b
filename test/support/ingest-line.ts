import { Registry } from 'prom-client';
import { onTestFinished } from 'vitest';
import { Ingest, ingestGroup, ingestTopics } from '../../cloud/ingest/ingest.js';
import { Parking } from '../../cloud/ingest/parking.js';
import type { UnknownSensorMode } from '../../cloud/ingest/unknown-sensors.js';
import type { PackToStore, SeriesStore } from '../../cloud/store/store.js';
import { logTopics } from '../../core/contract/log-topics.js';
import { minuteUs } from '../../core/contract/time.js';
import { systemClock } from '../../core/runtime/clock.js';
import { silentLogger } from '../../core/runtime/logger.js';
import { waitFor } from '../servers/wait-for.js';
import { FaultyStore } from './faulty-store.js';
import { MemoryLog } from './memory-log.js';
import { openStore } from './open-store.js';
import { tempDir } from './temp-dir.js';

/** A full minute, half an hour ago. */
export const startUs = Math.floor(systemClock.nowUs() / minuteUs) * minuteUs - 30 * minuteUs;
const all = { fromUs: 0, toUs: 2 ** 52 };

/** From a log in memory into a store, of which everything is read back. */
export class IngestLine {
  readonly log = new MemoryLog();
  private ingest: Ingest | undefined;
  readonly packs: PackToStore[] = [];

  private constructor(readonly store: FaultyStore) {
    store.fault = ({ packs }) => void this.packs.push(...packs);
  }

  /** Into a DuckDB store, unless another one that is started is given. */
  static async open(store?: SeriesStore): Promise<IngestLine> {
    const line = new IngestLine(store ? new FaultyStore(store) : await openStore());
    await line.log.start();
    await line.log.ensureTopics(Object.values(logTopics));
    return line;
  }

  /** Begins anew in another mode. */
  async run(unknownSensors: UnknownSensorMode): Promise<Ingest> {
    await this.ingest?.stop(1000);
    const parking = new Parking({ path: await tempDir(), maxBytes: 1e7, maxBytesPerDevice: 1e7 });
    const seams = { ...this, parking, clock: systemClock, logger: silentLogger, registry: new Registry() };
    const ingest = (this.ingest = new Ingest({ ...seams, gatherMs: 2, unknownSensors }));
    await ingest.start();
    onTestFinished(() => ingest.stop(1000));
    return ingest;
  }

  async committed(): Promise<void> {
    await waitFor('everything committed', 20_000, async () => (await this.log.lag(ingestGroup, ingestTopics)) === 0, 2);
  }

  /** Whatever is held, also what is held twice. */
  async stored(): Promise<string[]> {
    const found: string[] = [];
    for await (const page of this.store.behind.points({}, all, 'repeats'))
      found.push(...page.map(({ sensor, timeUs, value }) => `${sensor} ${(timeUs - startUs) / 1e6} ${value}`));
    return found;
  }

  async counts(): Promise<Record<string, number>> {
    await this.store.behind.repairRollups(systemClock.nowUs());
    const counts: Record<string, number> = {};
    for await (const page of this.store.behind.rollups('1m', {}, all))
      for (const { sensor, count } of page) counts[sensor] = (counts[sensor] ?? 0) + count;
    return counts;
  }

  get letters(): (string | undefined)[] {
    return this.log.records(logTopics.deadLetters.name).map(({ headers }) => headers!['reason']);
  }

  /** The same record once more, as a replay of its dead letter brings it. */
  async again(): Promise<void> {
    const { key, value } = this.log.records(logTopics.readings.name)[0]!;
    await this.log.append(logTopics.readings.name, [{ key, value }]);
    await this.committed();
  }
}
