import { DeleteAPI } from '@influxdata/influxdb-client-apis';
import type { Clock } from '#core/runtime/clock.js';
import type { Logger } from '#core/runtime/logger.js';
import type { Retention } from '../store.js';
import { BatchWriter } from './batch-writer.js';
import { bucketSpecs, ensureBuckets, findOrg, type BucketNames } from './buckets.js';
import { DirtyMarks, everySeries } from './dirty-marks.js';
import { ExpiredMerger } from './expired-merger.js';
import type { InfluxClient } from './influx-client.js';
import type { InfluxCounters } from './influx-counters.js';
import { Ledger } from './ledger.js';
import { LineWriter } from './line-writer.js';
import { MarkStore } from './mark-store.js';
import { Mutex } from '#core/runtime/mutex.js';
import type { Patience } from './patience.js';
import type { Reader } from './reader.js';
import { Repairer } from './repairer.js';
import type { RestingShards } from './resting-shards.js';
import { RollupSource } from './rollup-source.js';
import { Seal } from './seal.js';
import { SegmentMarks } from './segment-marks.js';
import { SealKeeper } from './seal-keeper.js';
import { SeriesRegistrar } from './series-registrar.js';
import { SeriesRegistry } from './series-registry.js';
import type { StateStore } from './state-store.js';
import { taskFlux, taskName } from './task-flux.js';
import { TaskWatch } from './task-watch.js';
import { Tasks } from './tasks.js';
import { rollupTiers } from './tiers.js';

/** What an opened store is built from; everything in it is there already. */
export interface StoreBuilding {
  readonly client: InfluxClient;
  readonly patience: Patience;
  readonly resting: RestingShards;
  readonly state: StateStore;
  readonly reader: Reader;
  readonly counters: InfluxCounters;
  readonly org: string;
  readonly buckets: BucketNames;
  readonly retention: Retention;
  readonly alertDays: number;
  readonly labels: readonly string[];
  readonly writer: string;
  readonly tasks: boolean;
  readonly withinMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A store that is ready for writes and repairs. */
export interface OpenedStore {
  readonly batches: BatchWriter;
  readonly repairer: Repairer;
  readonly marks: DirtyMarks;
  readonly sealKeeper: SealKeeper;
  readonly watch: TaskWatch | undefined;
  /** Held by whoever computes or changes rollups. */
  readonly rollups: Mutex;
}

/** Creates what is missing in InfluxDB and reads the store's own state. May be called again after a failure. */
export async function openStore(building: StoreBuilding): Promise<OpenedStore> {
  const { client, org, buckets, retention, alertDays, logger, state, clock, patience, resting, withinMs } = building;
  const orgID = await findOrg(client, org);
  const kept = await ensureBuckets(client, org, orgID, bucketSpecs(buckets, retention, alertDays), logger);
  const seal = new Seal(keptUs(kept, buckets));
  const sealKeeper = new SealKeeper(seal, state, clock);
  await sealKeeper.load();
  const registry = new SeriesRegistry();
  const newestStored = building.reader.newestStored.bind(building.reader);
  const registrar = new SeriesRegistrar({ ...building, registry, labelTags: building.labels, newestStored });
  await registrar.load();
  const ledger = new Ledger(state, building.writer);
  await ledger.load();
  const marks = new DirtyMarks(new MarkStore(state, building.writer, eraser(building, orgID)));
  await marks.load(({ site, device, sensor }) => (site === '*' ? everySeries : registry.find(site, device, sensor)));
  const writer = new LineWriter(client, patience, resting, withinMs);
  const source = new RollupSource({ client, buckets, registry });
  const repairer = new Repairer({ ...building, source, writer, marks, registry, seal });
  const merger = new ExpiredMerger({ ...building, writer, marks, seal });
  const rollups = new Mutex();
  const merge: ExpiredMerger['merge'] = (expired) =>
    rollups.run(async () => {
      await repairer.repairBefore(seal.beforeUs);
      await merger.merge(expired);
    });
  const alertsKeptUs = kept.get(buckets.alerts)! * 1e6;
  const batches = new BatchWriter({
    ...building,
    writer,
    registry,
    registrar,
    ledger,
    marks,
    segmentMarks: new SegmentMarks({ client, patience, withinMs, bucket: buckets.realtime, marks, seal }),
    seal,
    merge,
    alertsKeptUs,
  });
  const watch = building.tasks ? await startTasks(building, orgID, { marks, seal }) : undefined;
  return { batches, repairer, marks, sealKeeper, watch, rollups };
}

function keptUs(kept: ReadonlyMap<string, number>, buckets: BucketNames) {
  const of = (name: string) => kept.get(name)! * 1e6;
  return { raw: of(buckets.realtime), '1m': of(buckets['1m']), '1h': of(buckets['1h']), '1d': of(buckets['1d']) };
}

async function startTasks(
  building: StoreBuilding,
  orgID: string,
  parts: { marks: DirtyMarks; seal: Seal },
): Promise<TaskWatch> {
  const { client, org, buckets, logger } = building;
  const tasks = new Tasks(client, org, orgID, logger);
  const taskIds: string[] = [];
  for (const tier of rollupTiers) {
    taskIds.push(await tasks.ensure({ name: taskName(buckets, tier), flux: taskFlux({ tier, buckets }) }));
  }
  const watch = new TaskWatch({ ...building, ...parts, tasks, taskIds });
  await watch.load();
  return watch;
}

function eraser({ client, buckets }: StoreBuilding, orgID: string): (predicate: string) => Promise<void> {
  const api = new DeleteAPI(client.influx);
  const [start, stop] = ['1677-09-22T00:00:00Z', '2262-04-11T00:00:00Z'];
  return (predicate) =>
    client.call('delete settled marks', () =>
      api.postDelete({ orgID, bucket: buckets.state, body: { start, stop, predicate } }),
    );
}
