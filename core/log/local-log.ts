import { join } from 'node:path';
import type { Registry } from 'prom-client';
import type { TopicSpec } from '../contract/log-topics.js';
import type { Clock } from '../runtime/clock.js';
import type { Shedder } from '../runtime/disk-budget.js';
import { messageOf, RejectedError, RetryableError } from '../runtime/errors.js';
import type { Logger } from '../runtime/logger.js';
import { checkFormat, directoryBytes, makeDirectory } from './local/directories.js';
import { GroupOffsets } from './local/group-offsets.js';
import { GroupReader } from './local/group-reader.js';
import { openLevel, type OpenLevel } from './local/level-file.js';
import type { LocalTopic } from './local/local-topic.js';
import { Mutex } from '../runtime/mutex.js';
import { type ReaderContext, Stopping, untilDone } from './local/reader.js';
import { TailReader } from './local/tail-reader.js';
import { TopicShelf } from './local/topic-shelf.js';
import type {
  EventLog,
  GroupOptions,
  LogRecord,
  PartitionBounds,
  StoredRecord,
  Subscription,
  Tail,
  TailOptions,
} from './log.js';
import { LogMetrics } from './log-metrics.js';
import { Outage } from './outage.js';
import { checkedBytes } from './record-limits.js';

export interface LocalLogOptions {
  /** Belongs to this log alone. */
  readonly directory: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly registry?: Registry;
  /** Yields [0, 1). */
  readonly random?: () => number;
  /** Hears of a topic on disk that is kept in another way than its specification says. */
  readonly onError?: (error: unknown) => void;
  /** Old records go by slices of this length: 1 h. */
  readonly sliceMs?: number;
  /** A slice ends earlier at about this size: 16 MiB. */
  readonly maxSliceBytes?: number;
  /** The newest records of each topic that stay in memory: 4 MiB. */
  readonly recentBytes?: number;
  /** How often old slices are looked for: 30 s. */
  readonly sweepMs?: number;
  /** The most records of a batch handed to a reader: 500. */
  readonly maxBatchRecords?: number;
  /** The most bytes of a batch: 512 KiB; a single record may be larger. */
  readonly maxBatchBytes?: number;
  readonly openLevel?: OpenLevel;
}

/**
 * The event log in a directory, for one process: one partition per topic, in LevelDB.
 * `start` throws FatalError `locked`, `corrupt` or `bad-data-format`.
 */
export class LocalLog implements EventLog, Shedder {
  readonly name = 'event log';
  private readonly metrics: LogMetrics;
  private readonly outage: Outage;
  private readonly turns = new Map<string, Mutex>();
  private readonly readers = new Set<Subscription>();
  private stopping = new Stopping();
  private offsets: GroupOffsets | undefined;
  private shelf: TopicShelf | undefined;
  private sweeping: Promise<void> = Promise.resolve();
  private isOverBudget = false;

  constructor(private readonly options: LocalLogOptions) {
    this.outage = new Outage('event log on disk', options.logger);
    this.metrics = new LogMetrics(options.registry, {
      healthy: () => this.healthy(),
      waitingRecords: () => this.shelf?.waitingRecords ?? 0,
    });
  }

  async start(): Promise<void> {
    if (this.shelf) return;
    const { directory, openLevel: open = openLevel } = this.options;
    await makeDirectory(directory);
    await checkFormat(directory);
    const offsets = new GroupOffsets(join(directory, 'groups'), open);
    await offsets.open();
    this.offsets = offsets;
    this.stopping = new Stopping();
    this.shelf = this.newShelf(offsets, open);
    this.sweeping = this.sweep(this.shelf, this.stopping.signal);
  }

  /** Ends the appends and batches in work; what is not done at `deadlineMs` is given up. */
  async stop(deadlineMs: number): Promise<void> {
    const { shelf, offsets } = this;
    if (!shelf || !offsets) return;
    this.shelf = undefined;
    const readers = [...this.readers].map((reader) => reader.stop(deadlineMs));
    const drained = Promise.all([shelf.drain(), ...readers]);
    await this.stopping.stop(drained, deadlineMs, this.options.clock);
    await Promise.all([drained, this.sweeping]);
    await shelf.close();
    await offsets.close();
    this.offsets = undefined;
  }

  async ensureTopics(specs: readonly TopicSpec[]): Promise<void> {
    const { shelf } = this.running();
    for (const spec of specs) await shelf.ensure(spec);
  }

  append(topic: string, records: readonly LogRecord[]): Promise<void> {
    try {
      const bytes = checkedBytes(topic, records);
      if (this.isOverBudget) throw new RetryableError('over-budget', 'the disk budget is used up');
      const found = this.topic(topic);
      return records.length === 0 ? Promise.resolve() : found.append(records, bytes);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async subscribe(group: GroupOptions): Promise<Subscription> {
    const { offsets } = this.running();
    const topics = group.topics.map((name) => this.topic(name));
    for (const { name, first } of topics) {
      // From now on a slice stays at least until this group has read it, and a loss before its first batch is an error.
      if (offsets.get(group.group, name) === undefined) await offsets.commit(group.group, name, first);
    }
    const context = this.context();
    const readers = topics.map(
      (topic) => new GroupReader({ topic, group, offsets, context, turn: this.turn(group.group, topic.name) }),
    );
    for (const reader of readers) reader.start();
    return this.keep((deadlineMs) => Promise.all(readers.map((reader) => reader.stop(deadlineMs))));
  }

  async tail(options: TailOptions): Promise<Tail> {
    const topics = options.topics.map((name) => this.topic(name));
    const reader = new TailReader(topics, options, this.context());
    reader.start();
    return { caughtUp: reader.caughtUp, ...this.keep((deadlineMs) => reader.stop(deadlineMs)) };
  }

  async bounds(topic: string): Promise<readonly PartitionBounds[]> {
    const { first, next } = this.topic(topic);
    return [{ partition: 0, first, next }];
  }

  async read(
    name: string,
    partition: number,
    fromOffset: number,
    maxRecords: number,
  ): Promise<readonly StoredRecord[]> {
    const topic = this.topic(name);
    if (partition !== 0) return [];
    const context = this.context();
    const limits = { ...context.limits, maxRecords: Math.min(maxRecords, context.limits.maxRecords) };
    let from = fromOffset;
    while (Math.max(from, topic.first) < topic.next) {
      // An old slice may go between a look at where the topic begins and the read.
      const read = () => topic.read(Math.max(from, topic.first), limits);
      const { records, next } = await untilDone(context, `${name}, reading`, this.stopping.signal, read);
      if (records.length > 0) return records;
      from = next;
    }
    return [];
  }

  async lag(group: string, topics: readonly string[]): Promise<number> {
    const { offsets } = this.running();
    return topics
      .map((name) => this.topic(name))
      .reduce((sum, { name, first, next }) => sum + next - (offsets.get(group, name) ?? first), 0);
  }

  healthy(): boolean {
    return this.shelf !== undefined && this.outage.over && !this.isOverBudget;
  }

  /** While true, `append` rejects with RetryableError `over-budget`. */
  setOverBudget(isOverBudget: boolean): void {
    this.isOverBudget = isOverBudget;
  }

  async bytes(): Promise<number> {
    return (await directoryBytes(join(this.options.directory, 'groups'))) + ((await this.shelf?.bytes()) ?? 0);
  }

  /**
   * Gives up the oldest slices that every group of their topic has read: none of their readings is lost by that.
   * A slice that a group still needs, or of a topic that no group reads, stays.
   */
  async shed(wantedBytes: number): Promise<{ bytes: number; readings: number }> {
    return { bytes: (await this.shelf?.shed(wantedBytes)) ?? 0, readings: 0 };
  }

  private newShelf(offsets: GroupOffsets, open: OpenLevel): TopicShelf {
    const { options, outage, metrics } = this;
    return new TopicShelf({
      directory: join(options.directory, 'topics'),
      openLevel: open,
      sliceMs: options.sliceMs ?? 3_600_000,
      maxSliceBytes: options.maxSliceBytes ?? 16 * 1_048_576,
      recentBytes: options.recentBytes ?? 4 * 1_048_576,
      clock: options.clock,
      logger: options.logger,
      random: options.random ?? Math.random,
      onError: options.onError,
      aborted: this.stopping.forced,
      outage,
      metrics,
      offsets,
    });
  }

  private context(): ReaderContext {
    const { clock, random = Math.random, maxBatchRecords = 500, maxBatchBytes = 524_288 } = this.options;
    const limits = { maxRecords: maxBatchRecords, maxBytes: maxBatchBytes };
    return { clock, random, limits, outage: this.outage, metrics: this.metrics };
  }

  private running(): { shelf: TopicShelf; offsets: GroupOffsets } {
    if (!this.shelf || !this.offsets) throw new RetryableError('stopped', 'the event log is not running');
    return { shelf: this.shelf, offsets: this.offsets };
  }

  private topic(name: string): LocalTopic {
    const topic = this.running().shelf.get(name);
    if (!topic) throw new RejectedError('refused', `the event log has no topic ${name}`);
    return topic;
  }

  private turn(group: string, topic: string): Mutex {
    const key = `${group}\0${topic}`;
    const turn = this.turns.get(key) ?? new Mutex();
    this.turns.set(key, turn);
    return turn;
  }

  private keep(stop: (deadlineMs: number) => Promise<unknown>): Subscription {
    const reader: Subscription = {
      stop: async (deadlineMs) => {
        await stop(deadlineMs);
        this.readers.delete(reader);
      },
    };
    this.readers.add(reader);
    return reader;
  }

  private async sweep(shelf: TopicShelf, signal: AbortSignal): Promise<void> {
    const { clock, logger, sweepMs = 30_000 } = this.options;
    while (!signal.aborted) {
      await shelf.sweep().catch((error: unknown) => {
        logger.warn({ error: messageOf(error) }, 'could not remove old slices of the event log');
      });
      await clock.sleep(sweepMs, signal);
    }
  }
}
