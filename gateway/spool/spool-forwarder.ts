import { logTopics, type DeadLetterHeaders } from '#core/contract/log-topics.js';
import type { EventLog, LogBatch, LogRecord, StoredRecord, Subscription } from '#core/log/log.js';
import { recordBytes } from '#core/log/record-limits.js';
import type { Clock } from '#core/runtime/clock.js';
import { messageOf, RejectedError, RetryableError } from '#core/runtime/errors.js';
import type { Logger } from '#core/runtime/logger.js';
import { Pace } from './pace.js';

/** The header that says for which topic of the log a spooled record is. */
export const forTopic = 'spool-topic';
export const spoolGroup = 'forward';

export interface SpoolForwarderOptions {
  readonly disk: EventLog;
  readonly spoolTopic: string;
  readonly log: Pick<EventLog, 'append'>;
  readonly bytesPerSecond: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** So many records are in the log now. */
  readonly onForwarded: (records: number) => void;
}

/** What says what a pack means comes before it. */
const firstTopic = logTopics.deviceEvents.name;

/**
 * Carries records from the spool into the log, in their order for each key, one batch at a time; a batch counts as carried
 * when the log has all of it. After a crash in between, the same records come again.
 */
export class SpoolForwarder {
  private subscription: Subscription | undefined;
  private ending = new AbortController();
  private readonly pace: Pace;
  private inWork: StoredRecord | undefined;

  constructor(private readonly options: SpoolForwarderOptions) {
    this.pace = new Pace(options.clock, options.bytesPerSecond);
  }

  /** When the oldest record that waits was taken in, in microseconds; undefined if none is known to wait. */
  get oldestUs(): number | undefined {
    return this.inWork?.appendedUs;
  }

  async start(): Promise<void> {
    const { disk, spoolTopic, logger } = this.options;
    this.ending = new AbortController();
    this.subscription = await disk.subscribe({
      group: spoolGroup,
      topics: [spoolTopic],
      onBatch: (batch) => this.carry(batch),
      onError: (error) => {
        if (this.ending.signal.aborted) return;
        logger.error({ error: messageOf(error) }, 'the spool could not be emptied: trying again');
      },
    });
  }

  async stop(deadlineMs: number): Promise<void> {
    this.ending.abort();
    await this.subscription?.stop(deadlineMs);
    this.subscription = undefined;
  }

  private async carry({ records }: LogBatch): Promise<void> {
    this.inWork = records[0];
    const bytes = records.reduce((sum, record) => sum + recordBytes(record), 0);
    await this.pace.pass(bytes, this.ending.signal);
    if (this.ending.signal.aborted) throw new RetryableError('stopped', 'the gateway stops');
    for (const [topic, group] of byTopic(records)) await this.append(topic, group);
    this.inWork = undefined;
    this.options.onForwarded(records.length);
  }

  private async append(topic: string, records: readonly StoredRecord[]): Promise<void> {
    try {
      await this.options.log.append(topic, records.map(original));
    } catch (error) {
      if (!(error instanceof RejectedError)) throw error;
      // The log took none of them: alone, all but the offender pass.
      if (records.length > 1) for (const record of records) await this.append(topic, [record]);
      else await this.setAside(topic, records[0]!, error);
    }
  }

  private async setAside(topic: string, record: StoredRecord, error: RejectedError): Promise<void> {
    const { log, logger } = this.options;
    const headers: DeadLetterHeaders = {
      reason: error.code === 'too-large' ? 'too-large' : 'refused',
      detail: error.message.slice(0, 500),
      stage: 'spool',
      source: `${topic}/spool/${record.offset}`,
      receivedUs: String(record.appendedUs),
    };
    logger.error({ topic, key: record.key, error: error.message }, 'the log refuses a record of the spool');
    await log.append(logTopics.deadLetters.name, [{ key: record.key, value: record.value, headers }]);
  }
}

/** Groups in which each key keeps its order within a topic. */
function byTopic(records: readonly StoredRecord[]): [topic: string, StoredRecord[]][] {
  const groups = new Map<string, StoredRecord[]>([[firstTopic, []]]);
  for (const record of records) {
    const topic = record.headers![forTopic]!;
    const group = groups.get(topic);
    if (group) group.push(record);
    else groups.set(topic, [record]);
  }
  return [...groups].filter(([, group]) => group.length > 0);
}

function original({ key, value, headers }: StoredRecord): LogRecord {
  const { [forTopic]: _, ...rest } = headers ?? {};
  return Object.keys(rest).length === 0 ? { key, value } : { key, value, headers: rest };
}
