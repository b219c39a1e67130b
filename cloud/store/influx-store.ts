import type { Registry } from 'prom-client';
import type { DeviceAlert } from '#core/contract/alert.js';
import type { SeriesId } from '#core/contract/names.js';
import { nameSchema } from '#core/contract/names.js';
import type { SequenceRanges } from '#core/contract/sequence-ranges.js';
import type { Clock } from '#core/runtime/clock.js';
import { FatalError, RetryableError } from '#core/runtime/errors.js';
import type { Logger } from '#core/runtime/logger.js';
import type { RetrySchedule } from '#core/runtime/retry.js';
import { alertQuery, readAlert } from './influx/alert-lines.js';
import { defaultBuckets, type BucketNames } from './influx/buckets.js';
import { InfluxClient } from './influx/influx-client.js';
import { influxCounters, type InfluxCounters } from './influx/influx-counters.js';
import { readLedger } from './influx/ledger.js';
import { Mutex } from '#core/runtime/mutex.js';
import { openStore, type OpenedStore } from './influx/open-store.js';
import { Patience } from './influx/patience.js';
import { Reader } from './influx/reader.js';
import { RestingShards } from './influx/resting-shards.js';
import { StateStore } from './influx/state-store.js';
import { defaultLabelTags } from './influx/tag-set.js';
import type {
  AlertFilter,
  LedgerSource,
  RepairOutcome,
  Retention,
  RollupTier,
  SeriesFilter,
  SeriesStore,
  StoreBatch,
  StoredPoint,
  StoredRollup,
  TimeRange,
  WriteOutcome,
} from './store.js';

export interface InfluxStoreOptions {
  readonly url: string;
  readonly org: string;
  /** An all-access token: the store creates buckets and tasks. */
  readonly token: string;
  /** Names other than the usual ones. */
  readonly buckets?: Partial<BucketNames>;
  readonly retention: Retention;
  /** How long alerts are kept, in days; 30 unless told. */
  readonly alertDays?: number;
  /** The catalogue labels that become tags. */
  readonly labels?: readonly string[];
  /** Tells processes that write at once apart; it stays the same over restarts. */
  readonly writer?: string;
  /** Whether tasks of InfluxDB compute the rollups (they do unless told); else `repairRollups` computes them all. */
  readonly tasks?: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly registry?: Registry;
  readonly random?: () => number;
  readonly retry?: RetrySchedule;
  /** How long `start` tries, in milliseconds. */
  readonly startWithinMs?: number;
  /** How long a write is tried again before it throws `unavailable`, and how long a read is, in milliseconds. */
  readonly writeWithinMs?: number;
  readonly readWithinMs?: number;
  /** How long one request may take, in milliseconds: a server that is frozen answers nothing and closes nothing. */
  readonly writeTimeoutMs?: number;
  readonly queryTimeoutMs?: number;
  /** How long InfluxDB may take to put one shard to rest, in milliseconds: what may meet it is written again after it. */
  readonly shardRestMs?: number;
}

/** The series store of the cluster: InfluxDB 2. Its tasks roll up; this code repairs what they cannot see. */
export class InfluxStore implements SeriesStore {
  private readonly client: InfluxClient;
  private readonly patience: Patience;
  private readonly resting: RestingShards;
  private readonly reader: Reader;
  private readonly state: StateStore;
  private readonly buckets: BucketNames;
  private readonly counters: InfluxCounters;
  private readonly turns = new Mutex();
  private opened: OpenedStore | undefined;

  constructor(private readonly options: InfluxStoreOptions) {
    const { clock, logger, random = Math.random } = options;
    const retry = options.retry ?? { firstMs: 100, maxMs: 5000 };
    this.buckets = { ...defaultBuckets, ...options.buckets };
    this.client = new InfluxClient(options);
    this.counters = influxCounters(options.registry, () => this.opened?.marks.size ?? 0);
    this.patience = new Patience({ clock, logger, random, retry, onFailed: () => this.counters.writeFailed() });
    this.resting = new RestingShards(clock, options.shardRestMs ?? 200);
    const { client, patience, resting, buckets } = this;
    const withinMs = this.writeWithinMs;
    this.reader = new Reader({ client, buckets, patience, withinMs: options.readWithinMs ?? 3000 });
    this.state = new StateStore({ client, patience, resting, bucket: buckets.state, withinMs });
  }

  async start(): Promise<void> {
    if (this.opened) return;
    const { options, client, patience, resting, state, reader, counters, buckets } = this;
    if (!nameSchema.safeParse(options.writer ?? 'main').success) {
      throw new FatalError('bad-config', `the setting writer is not a name: ${options.writer}`);
    }
    const { alertDays = 30, labels = defaultLabelTags, writer = 'main', tasks = true } = options;
    const chosen = { alertDays, labels, writer, tasks, withinMs: this.writeWithinMs };
    const parts = { client, patience, resting, state, reader, counters, buckets };
    patience.resume();
    this.opened = await patience.run(options.startWithinMs ?? 60_000, () =>
      openStore({ ...options, ...parts, ...chosen }),
    );
  }

  async stop(deadlineMs: number): Promise<void> {
    const { opened } = this;
    this.opened = undefined;
    const idle = Promise.all([this.turns.run(async () => undefined), opened?.rollups.run(async () => undefined)]);
    await Promise.race([idle, this.options.clock.sleep(deadlineMs)]);
    this.patience.stop();
  }

  /**
   * Throws RetryableError `unavailable`, PointsRejectedError when InfluxDB refuses some points for ever, and FatalError
   * `unauthorised` or `bad-config` when a person must act.
   */
  write(batch: StoreBatch): Promise<WriteOutcome> {
    return this.turns.run(async () => {
      const { batches, sealKeeper } = this.ready();
      await sealKeeper.keep();
      return batches.write(batch);
    });
  }

  ledger(filter?: SeriesFilter): Promise<Map<LedgerSource, SequenceRanges>> {
    return readLedger(this.state, filter);
  }

  points(filter: SeriesFilter, range: TimeRange): AsyncIterable<StoredPoint[]> {
    return this.reader.points(filter, range);
  }

  recent(series: SeriesId, range: TimeRange, limit: number): Promise<StoredPoint[]> {
    return this.reader.recent(series, range, limit);
  }

  rollups(tier: RollupTier, filter: SeriesFilter, range: TimeRange): AsyncIterable<StoredRollup[]> {
    return this.reader.rollups(tier, filter, range);
  }

  alerts(filter: AlertFilter): Promise<DeviceAlert[]> {
    return this.reader.collect(alertQuery(this.buckets.alerts, filter), readAlert);
  }

  async repairRollups(closedBeforeUs: number): Promise<RepairOutcome> {
    const { rollups, repairer, watch } = this.ready();
    return rollups.run(async () => {
      await watch?.check();
      return repairer.repair(closedBeforeUs);
    });
  }

  /** InfluxDB deletes by itself what is older than its bucket's retention. */
  prune(): Promise<void> {
    return Promise.resolve();
  }

  private get writeWithinMs(): number {
    return this.options.writeWithinMs ?? 10_000;
  }

  private ready(): OpenedStore {
    if (!this.opened) throw new RetryableError('stopped', 'the store is not started');
    return this.opened;
  }
}
