import type { Registry } from 'prom-client';
import type { TopicSpec } from '#core/contract/log-topics.js';
import { LocalLog } from '#core/log/local-log.js';
import type { EventLog, LogRecord } from '#core/log/log.js';
import { recordBytes } from '#core/log/record-limits.js';
import type { Clock } from '#core/runtime/clock.js';
import { RetryableError } from '#core/runtime/errors.js';
import type { Logger } from '#core/runtime/logger.js';
import { SpoolBudget } from './spool-budget.js';
import type { SpoolConfig } from './spool-config.js';
import { forTopic, SpoolForwarder, spoolGroup } from './spool-forwarder.js';
import { SpoolMeter } from './spool-meter.js';

export interface SpooledLogOptions extends Pick<SpoolConfig, 'maxBytes' | 'maxAgeMs' | 'drainBytesPerSecond'> {
  /** Belongs to this spool alone. */
  readonly directory: string;
  /** Started and stopped by its owner; everything but `append` goes to it. */
  readonly log: EventLog;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly registry: Registry;
}

const mib = 1024 * 1024;
/** Nothing goes before the log has it; a topic without a retention would keep one record of each key. */
const forEver = 100 * 365 * 24;
const topic: TopicSpec = { name: 'spool', partitions: 1, retentionHours: forEver, compression: 'none' };
const maxStopMs = 2000;

/**
 * An event log whose appends are durable when they are on this disk, and are carried on into the log behind it, at least
 * once and in the order of each key. `append` throws RetryableError `over-budget` while the disk holds as much, or for as
 * long, as it may; nothing that was taken is ever given up.
 */
export class SpooledLog implements EventLog {
  private readonly disk: LocalLog;
  private readonly budget: SpoolBudget;
  private readonly forwarder: SpoolForwarder;
  private readonly meter: SpoolMeter;
  private running = false;

  constructor(private readonly options: SpooledLogOptions) {
    const { directory, log, clock, logger, registry, maxBytes, drainBytesPerSecond: bytesPerSecond } = options;
    // What was forwarded goes by slices, so they are a small part of the whole.
    const maxSliceBytes = Math.min(16 * mib, maxBytes / 8);
    this.disk = new LocalLog({ directory, clock, logger, maxSliceBytes });
    this.budget = new SpoolBudget({ disk: this.disk, maxBytes, clock });
    const onForwarded = (records: number): void => this.forwarded(records);
    const spoolTopic = topic.name;
    this.forwarder = new SpoolForwarder({
      disk: this.disk,
      spoolTopic,
      log,
      bytesPerSecond,
      clock,
      logger,
      onForwarded,
    });
    this.meter = new SpoolMeter(
      registry,
      () => this.budget.bytes,
      () => this.oldestAgeMs(),
    );
  }

  /** Throws FatalError `locked`, `corrupt` or `bad-data-format`. What an earlier run left is forwarded from now on. */
  async start(): Promise<void> {
    if (this.running) return;
    await this.disk.start();
    await this.disk.ensureTopics([topic]);
    this.meter.found(await this.disk.lag(spoolGroup, [topic.name]));
    await this.forwarder.start();
    await this.budget.reclaim();
    this.running = true;
  }

  /** What is not forwarded yet stays on the disk for the next start. */
  async stop(deadlineMs: number): Promise<void> {
    this.running = false;
    const ms = Math.min(deadlineMs, maxStopMs);
    await this.forwarder.stop(ms);
    await this.disk.stop(ms);
  }

  async append(name: string, records: readonly LogRecord[]): Promise<void> {
    const spooled = records.map((record) => ({ ...record, headers: { ...record.headers, [forTopic]: name } }));
    const bytes = spooled.reduce((sum, record) => sum + recordBytes(record), 0);
    try {
      this.checkAge();
      await this.budget.take(bytes);
    } catch (error) {
      this.meter.refused();
      throw error;
    }
    await this.disk.append(topic.name, spooled);
    this.meter.in(records.length);
  }

  ensureTopics: EventLog['ensureTopics'] = (specs) => this.options.log.ensureTopics(specs);
  subscribe: EventLog['subscribe'] = (group) => this.options.log.subscribe(group);
  tail: EventLog['tail'] = (tail) => this.options.log.tail(tail);
  bounds: EventLog['bounds'] = (name) => this.options.log.bounds(name);
  read: EventLog['read'] = (...place) => this.options.log.read(...place);
  lag: EventLog['lag'] = (group, topics) => this.options.log.lag(group, topics);

  healthy(): boolean {
    return this.running && this.disk.healthy() && this.oldestAgeMs() <= this.options.maxAgeMs;
  }

  /** In records; `bytes` is what the disk holds, `refused` how often an append was turned away. */
  status() {
    return { ...this.meter.snapshot(), bytes: this.budget.bytes };
  }

  private forwarded(records: number): void {
    this.meter.out(records);
    const { budget } = this;
    if (budget.bytes > this.options.maxBytes / 2) budget.reclaim().catch(() => undefined);
  }

  private oldestAgeMs(): number {
    const { oldestUs } = this.forwarder;
    return oldestUs === undefined ? 0 : Math.max(0, (this.options.clock.nowUs() - oldestUs) / 1000);
  }

  private checkAge(): void {
    if (this.oldestAgeMs() <= this.options.maxAgeMs) return;
    throw new RetryableError('over-budget', 'the spool holds records that the log has not taken for too long');
  }
}
