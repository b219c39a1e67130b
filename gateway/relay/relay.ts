import type { Registry } from 'prom-client';
import type { EventLog, LogRecord } from '#core/log/log.js';
import type { Clock } from '#core/runtime/clock.js';
import { messageOf, RejectedError, RetryableError } from '#core/runtime/errors.js';
import type { Part } from '#core/runtime/lifecycle.js';
import type { Logger } from '#core/runtime/logger.js';
import { retry, retryDelays } from '#core/runtime/retry.js';
import { deadLetter } from '../intake/dead-letter.js';
import type { Decoded } from '../intake/decoded.js';
import { laneOf, type IncomingMessage, type Outcome } from '../intake/message.js';
import { GatheredAppends, type AppendResult } from './gathered-appends.js';
import { RelayMeter } from './relay-meter.js';

export interface RelayOptions {
  readonly log: EventLog;
  /** Takes the place of `log` for some senders. */
  readonly spool?: { readonly log: EventLog; readonly takes: (message: IncomingMessage) => boolean };
  readonly clock: Clock;
  /** Yields [0, 1). */
  readonly random: () => number;
  readonly logger: Logger;
  readonly registry: Registry;
}

interface Item {
  readonly message: IncomingMessage;
  decoded: Decoded;
  settled: boolean;
}

/** The items of one sender, in order; `storing` are the first of them, now on their way into the log. */
interface Lane {
  waiting: Item[];
  storing: readonly Item[];
}

const retrySchedule = { firstMs: 100, maxMs: 5000 };
const troubleEveryMs = 10_000;
const maxBatchRecords = 500;
const maxBatchBytes = 512 * 1024;
/** What remains of a dead letter that is itself too large for the log. */
const maxDeadLetterBytes = 256 * 1024;

/**
 * Appends what was sent, and settles it once it is durable. One append at a time for each sender, of all that came for
 * one topic meanwhile, so its order holds over topics, faults and retries; senders do not wait for each other.
 * Where the log has partitions, the appends of senders in one of them are joined: they share its fate anyway. The log
 * itself makes group commits, so nothing is delayed here to collect more.
 */
export class Relay implements Part {
  private readonly lanes = new Map<string, Lane>();
  private readonly meter: RelayMeter;
  private readonly gathered = new GatheredAppends((topic, records) => this.append(this.options.log, topic, records));
  private ending = new AbortController();
  private readonly idle = new Set<() => void>();
  /** The code of the last failed append, until one succeeds. */
  private trouble: string | undefined;
  private silentUntilMs = -Infinity;

  constructor(private readonly options: RelayOptions) {
    this.meter = new RelayMeter(options.registry);
  }

  async start(): Promise<void> {
    if (this.ending.signal.aborted) this.ending = new AbortController();
  }

  /** Lets run dry what is in work; at the deadline what is left is returned to the devices, unacknowledged. */
  async stop(deadlineMs: number): Promise<void> {
    const dry = new AbortController();
    this.idle.add(() => dry.abort());
    if (this.lanes.size > 0) await this.options.clock.sleep(deadlineMs, dry.signal);
    this.ending.abort();
    for (const lane of this.lanes.values()) {
      for (const item of [...lane.storing, ...lane.waiting.splice(0)]) this.settle(item, 'returned');
      lane.storing = [];
    }
  }

  submit(message: IncomingMessage, decoded: Decoded): void {
    const item = { message, decoded, settled: false };
    this.meter.enter(decoded);
    if (this.ending.signal.aborted) return this.settle(item, 'returned');
    const key = laneOf(message);
    const lane = this.lanes.get(key);
    if (lane) return void lane.waiting.push(item);
    const started: Lane = { waiting: [item], storing: [] };
    this.lanes.set(key, started);
    // After the other messages of this turn, so that they go in one append.
    queueMicrotask(() => this.next(key, started));
  }

  status() {
    return { ...this.meter.snapshot(), devicesInWork: this.lanes.size, logTrouble: this.trouble };
  }

  private next(key: string, lane: Lane): void {
    const items = takeBatch(lane.waiting);
    lane.storing = items;
    if (items.length === 0) return this.end(key);
    const first = items[0]!.decoded;
    const { log } = this.options;
    const isPlain = areAlike(items) && this.logOf(items[0]!) === log;
    const partition = isPlain ? log.partitionOf?.(first.topic, first.records[0]!.key) : undefined;
    if (partition === undefined) return void this.store(items).then(() => this.next(key, lane));
    const records = items.length === 1 ? first.records : items.map(({ decoded }) => decoded.records[0]!);
    const done = (result: AppendResult): void => {
      if (result instanceof RejectedError) return void this.storeApart(items, result).then(() => this.next(key, lane));
      if (result === 'stored') for (const item of items) this.settle(item, 'stored');
      this.next(key, lane);
    };
    this.gathered.add(first.topic, partition, { records, done });
  }

  private end(key: string): void {
    this.lanes.delete(key);
    if (this.lanes.size === 0) for (const resolve of this.idle) resolve();
  }

  /** Resolves when the items are settled, or given up because the relay has ended. Never rejects. */
  private async store(items: readonly Item[]): Promise<void> {
    const loaded = items.filter(({ decoded }) => decoded.records.length > 0);
    const records = loaded.flatMap(({ decoded }) => decoded.records);
    const log = this.logOf(items[0]!);
    let result = await this.announce(log, items);
    if (result === 'stored' && loaded[0]) result = await this.append(log, loaded[0].decoded.topic, records);
    if (result === 'stored') for (const item of items) this.settle(item, 'stored');
    if (result instanceof RejectedError) await this.storeApart(items, result, 'alone');
  }

  /** The log took none of the records: alone, all but the offender pass. */
  private async storeApart(items: readonly Item[], error: RejectedError, company?: 'alone'): Promise<void> {
    if (items.length === 1 && company === 'alone') return this.setAside(items[0]!, error);
    for (const item of items) await this.store([item]);
  }

  /** The same for all messages of a lane. */
  private logOf({ message }: Item): EventLog {
    const { log, spool } = this.options;
    return spool?.takes(message) ? spool.log : log;
  }

  /** What must be durable before the records of these items. */
  private async announce(log: EventLog, items: readonly Item[]): Promise<AppendResult> {
    const groups = new Map<string, LogRecord[]>();
    for (const { topic, records } of items.flatMap(({ decoded }) => decoded.before ?? [])) {
      groups.set(topic, [...(groups.get(topic) ?? []), ...records]);
    }
    for (const [topic, records] of groups) {
      const result = await this.append(log, topic, records);
      if (result !== 'stored') return result;
    }
    return 'stored';
  }

  private async setAside(item: Item, error: RejectedError): Promise<void> {
    const { message, decoded } = item;
    const { payload } = message;
    const reason = decoded.reason ?? (error.code === 'too-large' ? 'too-large' : 'refused');
    const cut = payload.byteLength > maxDeadLetterBytes;
    const detail = [
      ...(decoded.reason === undefined ? [] : [decoded.records[0]!.headers!['detail']]),
      error.message,
      ...(cut ? [`the first ${maxDeadLetterBytes} of ${payload.byteLength} bytes`] : []),
    ].join('; ');
    const kept = cut ? { ...message, payload: payload.subarray(0, maxDeadLetterBytes) } : message;
    item.decoded = deadLetter(kept, reason, detail, decoded.readings, cut ? 'cut' : undefined);
    const result = await this.append(this.logOf(item), item.decoded.topic, item.decoded.records, 'must-take');
    if (result === 'stored') this.settle(item, 'stored');
  }

  /** Tries until the log took the records, refused them (unless it must take them), or the relay has ended. */
  private async append(
    log: EventLog,
    topic: string,
    records: readonly LogRecord[],
    urgency?: 'must-take',
  ): Promise<AppendResult> {
    const { clock, random } = this.options;
    try {
      return await retry(() => this.appendOnce(log, topic, records, urgency), {
        clock,
        delays: retryDelays(retrySchedule, random),
        signal: this.ending.signal,
        onRetry: (error) => this.noteTrouble(error, topic),
      });
    } catch {
      // `retry` gives up for nothing but the end.
      return 'ended';
    }
  }

  private async appendOnce(
    log: EventLog,
    topic: string,
    records: readonly LogRecord[],
    urgency?: 'must-take',
  ): Promise<'stored' | RejectedError> {
    try {
      await log.append(topic, records);
      this.trouble = undefined;
      return 'stored';
    } catch (error) {
      if (error instanceof RetryableError) throw error;
      if (error instanceof RejectedError && urgency === undefined) return error;
      throw new RetryableError('unavailable', messageOf(error), { cause: error });
    }
  }

  private noteTrouble(error: RetryableError, topic: string): void {
    this.trouble = error.code;
    // Every device meets the same trouble, again and again: one line in a while speaks for all.
    const nowMs = this.options.clock.monotonicMs();
    if (nowMs < this.silentUntilMs) return;
    this.silentUntilMs = nowMs + troubleEveryMs;
    this.options.logger.error({ err: error, topic }, 'the log takes nothing: messages are held until it does');
  }

  /** Once for each item: an append may still succeed after its items were returned. */
  private settle(item: Item, outcome: Outcome): void {
    if (item.settled) return;
    item.settled = true;
    this.meter.leave(item.decoded, outcome);
    item.message.settle(outcome);
  }
}

/** Whether each item is one record of one key, and nothing must be durable before it: nearly always so. */
function areAlike(items: readonly Item[]): boolean {
  const key = items[0]!.decoded.records[0]?.key;
  return items.every(({ decoded: { records, before } }) => {
    return before === undefined && records.length === 1 && records[0]!.key === key;
  });
}

/** The first items that belong into one append: of one topic, at most so many records and bytes. */
function takeBatch(waiting: Item[]): Item[] {
  let topic: string | undefined;
  let records = 0;
  let bytes = 0;
  const end = waiting.findIndex(({ decoded, message }) => {
    if (decoded.records.length === 0) return false;
    topic ??= decoded.topic;
    records += decoded.records.length;
    bytes += message.payload.byteLength;
    const isFirst = records === decoded.records.length;
    return !isFirst && (decoded.topic !== topic || records > maxBatchRecords || bytes > maxBatchBytes);
  });
  return waiting.splice(0, end === -1 ? waiting.length : end);
}
