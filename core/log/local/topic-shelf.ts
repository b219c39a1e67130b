import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { TopicSpec } from '../../contract/log-topics.js';
import { FatalError, systemCode } from '../../runtime/errors.js';
import type { Logger } from '../../runtime/logger.js';
import { CompactedStore } from './compacted-store.js';
import { makeDirectory } from './directories.js';
import type { GroupOffsets } from './group-offsets.js';
import { LocalTopic, type LocalTopicOptions } from './local-topic.js';
import { Mutex } from '../../runtime/mutex.js';
import { type OffsetRange, SlicedStore, type SlicedStoreOptions } from './sliced-store.js';

export interface TopicShelfOptions extends LocalTopicOptions, SlicedStoreOptions {
  readonly logger: Logger;
  readonly offsets: GroupOffsets;
  readonly onError?: (error: unknown) => void;
}

interface Held {
  readonly topic: LocalTopic;
  readonly sliced?: SlicedStore;
  readonly close: () => Promise<void>;
  readonly bytes: () => Promise<number>;
  /** How long records are kept; undefined is for ever. */
  readonly keepUs: number | undefined;
}

/** A reader that was away for a shorter time finds its slice still open. */
const idleCloseMs = 60_000;
const hourUs = 3_600_000_000;
const compactedName = 'compacted';

/** The open topics of a log. */
export class TopicShelf {
  private readonly held = new Map<string, Held>();
  private readonly changing = new Mutex();

  constructor(private readonly options: TopicShelfOptions) {}

  get waitingRecords(): number {
    let waiting = 0;
    for (const { topic } of this.held.values()) waiting += topic.waitingRecords;
    return waiting;
  }

  get(name: string): LocalTopic | undefined {
    return this.held.get(name)?.topic;
  }

  ensure(spec: TopicSpec): Promise<void> {
    return this.changing.run(async () => {
      if (!this.held.has(spec.name)) this.held.set(spec.name, await this.open(spec));
    });
  }

  /** Removes what is past its retention, and closes what nobody reads. */
  sweep(): Promise<void> {
    return this.changing.run(async () => {
      const { clock } = this.options;
      for (const { topic, sliced, keepUs } of this.held.values()) {
        if (sliced && keepUs !== undefined) this.tellUnread(topic.name, await sliced.expire(clock.nowUs(), keepUs));
        await sliced?.closeIdle(clock.monotonicMs() - idleCloseMs);
      }
    });
  }

  /** Removes the oldest slices that all groups have read, until `wantedBytes` are free; resolves with what went. */
  shed(wantedBytes: number): Promise<number> {
    return this.changing.run(async () => {
      let bytes = 0;
      while (bytes < wantedBytes) {
        const oldest = this.oldestRead();
        if (!oldest) break;
        bytes += await oldest.dropOldest(this.options.clock.nowUs());
      }
      return bytes;
    });
  }

  async bytes(): Promise<number> {
    const sizes = await Promise.all([...this.held.values()].map((held) => held.bytes()));
    return sizes.reduce((sum, bytes) => sum + bytes, 0);
  }

  async drain(): Promise<void> {
    await Promise.all([...this.held.values()].map(({ topic }) => topic.drain()));
  }

  async close(): Promise<void> {
    await this.changing.run(() => Promise.all([...this.held.values()].map((held) => held.close())));
  }

  private async open(spec: TopicSpec): Promise<Held> {
    if (!/^[A-Za-z0-9._-]{1,200}$/.test(spec.name)) {
      throw new FatalError('bad-config', `${spec.name} cannot be the name of a topic`);
    }
    const directory = join(this.options.directory, spec.name);
    const isCompacted = await this.isCompacted(spec, directory);
    await makeDirectory(this.options.directory);
    await makeDirectory(directory);
    const { openLevel } = this.options;
    const store = isCompacted
      ? new CompactedStore(join(directory, compactedName), openLevel)
      : new SlicedStore({ ...this.options, directory });
    const topic = new LocalTopic(spec.name, store, this.options);
    await topic.open();
    const keepUs = spec.retentionHours === undefined ? undefined : spec.retentionHours * hourUs;
    const common = { topic, keepUs, close: () => store.close(), bytes: () => store.bytes() };
    return store instanceof SlicedStore ? { ...common, sliced: store } : common;
  }

  /** What is on disk stays as it is, whatever the specification says. */
  private async isCompacted(spec: TopicSpec, directory: string): Promise<boolean> {
    const wanted = spec.retentionHours === undefined;
    const names = await readdir(directory).catch((error: unknown): string[] => {
      if (systemCode(error) === 'ENOENT') return [];
      throw error;
    });
    const found = names.length === 0 ? wanted : names.includes(compactedName);
    if (found !== wanted) this.report(spec.name, found);
    return found;
  }

  private report(name: string, isCompacted: boolean): void {
    const kept = isCompacted ? 'keeps the newest record of each key' : 'keeps all records';
    const message = `topic ${name} in ${this.options.directory} ${kept}, which is not what was asked for; it is left so`;
    this.options.logger.warn({ topic: name }, message);
    this.options.onError?.(new FatalError('bad-config', message));
  }

  private oldestRead(): SlicedStore | undefined {
    let oldest: { store: SlicedStore; createdUs: number } | undefined;
    for (const { topic, sliced } of this.held.values()) {
      const lowest = this.options.offsets.lowest(topic.name);
      const createdUs = lowest === undefined ? undefined : sliced?.oldestBelow(lowest);
      if (sliced && createdUs !== undefined && createdUs < (oldest?.createdUs ?? Infinity)) {
        oldest = { store: sliced, createdUs };
      }
    }
    return oldest?.store;
  }

  private tellUnread(topic: string, gone: readonly OffsetRange[]): void {
    const lowest = this.options.offsets.lowest(topic) ?? Infinity;
    const records = gone.reduce((sum, { first, end }) => sum + Math.max(0, end - Math.max(first, lowest)), 0);
    if (records === 0) return;
    this.options.metrics.expiredUnread(topic, records);
    this.options.logger.error({ topic, records }, 'records went with their retention before every group had read them');
  }
}
