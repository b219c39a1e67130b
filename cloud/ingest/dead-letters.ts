import { logTopics, type DeadLetterHeaders } from '#core/contract/log-topics.js';
import type { EventLog, StoredRecord } from '#core/log/log.js';
import { RejectedError } from '#core/runtime/errors.js';

/** A record of the log and where it stands. */
export interface Origin {
  readonly topic: string;
  readonly partition: number;
  readonly record: StoredRecord;
}

const maxDetail = 500;

/**
 * Sets a record aside in `dead-letters` with its bytes as they came; resolves when that is durable.
 * A record that comes again after a crash is set aside again: its source tells the two are one.
 */
export async function deadLetter(log: EventLog, origin: Origin, reason: string, detail: string): Promise<void> {
  const { topic, partition, record } = origin;
  const headers: DeadLetterHeaders = {
    reason,
    detail: detail.slice(0, maxDetail),
    stage: 'ingest',
    source: `${topic}/${partition}/${record.offset}`,
    receivedUs: String(record.appendedUs),
  };
  try {
    await log.append(logTopics.deadLetters.name, [{ key: record.key, value: record.value, headers }]);
  } catch (error) {
    if (!(error instanceof RejectedError)) throw error;
    // With our headers the record can be just too large. Its bytes still stand at the source, until they expire.
    const value = new Uint8Array();
    await log.append(logTopics.deadLetters.name, [{ key: record.key, value, headers }]);
  }
}
