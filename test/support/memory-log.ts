import type { TopicSpec } from '../../core/contract/log-topics.js';
import type {
  EventLog,
  GroupOptions,
  LogBatch,
  LogRecord,
  PartitionBounds,
  StoredRecord,
  Subscription,
  Tail,
  TailOptions,
} from '../../core/log/log.js';
import { RetryableError } from '../../core/runtime/errors.js';

const batchRecords = 500;
const redeliverMs = 5;

interface Partition {
  readonly topic: string;
  readonly index: number;
  readonly records: StoredRecord[];
}

/** One member of a group; `owns` is asked before each batch, so a partition moves only between batches. */
interface Member {
  readonly options: GroupOptions;
  stopped: boolean;
  readonly working: Set<Promise<void>>;
}

/**
 * An event log in memory, for tests of what reads from and appends to one: partitions, groups with committed offsets,
 * redelivery after a rejection, and tails. Faults: `away` holds appends back, `crash` forgets every reader as
 * `kill -9` of its process would, without a commit.
 */
export class MemoryLog implements EventLog {
  /** While true, appends wait and `healthy` is false. */
  away = false;
  private readonly topics = new Map<string, Partition[]>();
  private readonly committed = new Map<string, number>();
  private readonly members = new Map<string, Member[]>();
  private readonly busy = new Set<string>();
  private readonly waiters = new Set<() => void>();
  private readonly readers = new Set<{ stopped: boolean; end?: (error: unknown) => void }>();
  private closed = false;

  constructor(private readonly nowUs: () => number = () => Date.now() * 1000) {}

  async start(): Promise<void> {
    this.closed = false;
  }

  async stop(): Promise<void> {
    this.closed = true;
    this.crash();
  }

  async ensureTopics(specs: readonly TopicSpec[]): Promise<void> {
    for (const { name, partitions } of specs) {
      if (this.topics.has(name)) continue;
      this.topics.set(
        name,
        Array.from({ length: partitions }, (_, index) => ({ topic: name, index, records: [] })),
      );
    }
  }

  async append(topic: string, records: readonly LogRecord[]): Promise<void> {
    while (this.away && !this.closed) await this.change();
    if (this.closed) throw new RetryableError('stopped', 'the log was stopped');
    const partitions = this.partitions(topic);
    for (const record of records) {
      const partition = partitions[hash(record.key) % partitions.length]!;
      partition.records.push({ ...record, offset: partition.records.length, appendedUs: this.nowUs() });
    }
    this.wake();
  }

  async subscribe(options: GroupOptions): Promise<Subscription> {
    const member: Member = { options, stopped: false, working: new Set() };
    this.readers.add(member);
    this.members.set(options.group, [...(this.members.get(options.group) ?? []), member]);
    for (const topic of options.topics)
      for (const partition of this.partitions(topic)) void this.feed(member, partition);
    return { stop: () => this.leave(member) };
  }

  async tail(options: TailOptions): Promise<Tail> {
    const reader = { stopped: false, end: (error: unknown) => options.onError?.(error) };
    this.readers.add(reader);
    const working = options.topics.flatMap((topic) =>
      this.partitions(topic).map((partition) => {
        const end = partition.records.length;
        return this.follow(reader, partition, options, options.from === 'end' ? end : 0, end);
      }),
    );
    const caughtUp = Promise.all(working.map(({ caughtUp }) => caughtUp)).then(() => undefined);
    return {
      caughtUp,
      stop: async () => {
        reader.stopped = true;
        this.wake();
        await Promise.all(working.map(({ done }) => done));
      },
    };
  }

  async bounds(topic: string): Promise<readonly PartitionBounds[]> {
    return this.partitions(topic).map(({ index, records }) => ({ partition: index, first: 0, next: records.length }));
  }

  async read(
    topic: string,
    partition: number,
    fromOffset: number,
    maxRecords: number,
  ): Promise<readonly StoredRecord[]> {
    const from = Math.max(0, fromOffset);
    return this.partitions(topic)[partition]?.records.slice(from, from + maxRecords) ?? [];
  }

  async lag(group: string, topics: readonly string[]): Promise<number> {
    return topics
      .flatMap((topic) => this.partitions(topic))
      .reduce((sum, partition) => sum + partition.records.length - this.position(group, partition), 0);
  }

  healthy(): boolean {
    return !this.away && !this.closed;
  }

  /** Every record of a topic, in the order of partitions and offsets. */
  records(topic: string): StoredRecord[] {
    return this.partitions(topic).flatMap(({ records }) => records);
  }

  /** Forgets all readers: batches in work are never committed. */
  crash(): void {
    for (const reader of this.readers) reader.stopped = true;
    this.readers.clear();
    this.members.clear();
    this.busy.clear();
    this.wake();
  }

  /** Ends every tail as a failure of the log would. */
  endTails(error: unknown): void {
    for (const reader of this.readers) {
      if (!('end' in reader)) continue;
      reader.stopped = true;
      this.readers.delete(reader);
      reader.end?.(error);
    }
    this.wake();
  }

  /** Moves a group's committed offset of the partition of `topic` that has any back to `offset`. */
  rewind(group: string, topic: string, offset: number): void {
    for (const partition of this.partitions(topic)) {
      if (partition.records.length > offset) this.committed.set(`${group} ${topic} ${partition.index}`, offset);
    }
  }

  /** Wakes those who wait, after a change of `away`. */
  wake(): void {
    const waiting = [...this.waiters];
    this.waiters.clear();
    for (const resolve of waiting) resolve();
  }

  private change(): Promise<void> {
    return new Promise((resolve) => this.waiters.add(resolve));
  }

  private partitions(topic: string): Partition[] {
    const found = this.topics.get(topic);
    if (!found) throw new Error(`no topic ${topic}: call ensureTopics first`);
    return found;
  }

  private position(group: string, { topic, index }: Partition): number {
    return this.committed.get(`${group} ${topic} ${index}`) ?? 0;
  }

  private owns(member: Member, partition: Partition): boolean {
    const members = this.members.get(member.options.group) ?? [];
    return members[partition.index % members.length] === member;
  }

  private async feed(member: Member, partition: Partition): Promise<void> {
    const { group } = member.options;
    const key = `${group} ${partition.topic} ${partition.index}`;
    while (!member.stopped) {
      const batch = takeBatch(partition, this.position(group, partition));
      if (!batch || this.busy.has(key) || !this.owns(member, partition)) {
        await this.change();
        continue;
      }
      this.busy.add(key);
      const work = this.hand(member, batch, key).finally(() => this.wake());
      member.working.add(work);
      await work;
      member.working.delete(work);
    }
  }

  private async hand(member: Member, batch: LogBatch, key: string): Promise<void> {
    try {
      await member.options.onBatch(batch, async () => undefined);
      if (this.readers.has(member)) this.committed.set(key, batch.records.at(-1)!.offset + 1);
    } catch (error) {
      member.options.onError?.(error);
      await new Promise((resolve) => setTimeout(resolve, redeliverMs));
    }
    if (this.readers.has(member)) this.busy.delete(key);
  }

  private async leave(member: Member): Promise<void> {
    member.stopped = true;
    this.wake();
    await Promise.all(member.working);
    this.readers.delete(member);
    const { group } = member.options;
    this.members.set(
      group,
      (this.members.get(group) ?? []).filter((other) => other !== member),
    );
    this.wake();
  }

  private follow(
    reader: { stopped: boolean },
    partition: Partition,
    options: TailOptions,
    from: number,
    end: number,
  ): { caughtUp: Promise<void>; done: Promise<void> } {
    let caught!: () => void;
    const caughtUp = new Promise<void>((resolve) => (caught = resolve));
    const run = async (): Promise<void> => {
      for (let next = from; !reader.stopped;) {
        if (next >= end) caught();
        const batch = takeBatch(partition, next);
        if (!batch) await this.change();
        else {
          await options.onBatch(batch);
          next = batch.records.at(-1)!.offset + 1;
        }
      }
    };
    return { caughtUp, done: run().catch((error: unknown) => options.onError?.(error)) };
  }
}

function takeBatch(partition: Partition, from: number): LogBatch | undefined {
  const records = partition.records.slice(from, from + batchRecords);
  return records.length === 0 ? undefined : { topic: partition.topic, partition: partition.index, records };
}

function hash(key: string): number {
  let sum = 0;
  for (let i = 0; i < key.length; i += 1) sum = (sum * 31 + key.charCodeAt(i)) >>> 0;
  return sum;
}
