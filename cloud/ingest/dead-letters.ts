import { failedMark, partHeader } from '#core/contract/dead-letter.js';
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
 * A record that comes again after a crash is set aside again: its source tells the two are one. One that comes from a
 * letter leaves a mark instead. `part`: points of a pack whose rest is stored, so that its number is taken.
 */
export async function deadLetter(
  log: EventLog,
  origin: Origin,
  reason: string,
  detail: string,
  part?: 'part',
): Promise<void> {
  const { topic, partition, record } = origin;
  // Its letter is there still: another one each time that it is tried would only be more of the same.
  const mark = failedMark(record, reason, detail);
  if (mark) return log.append(logTopics.deadLetters.name, [mark]);
  const headers: DeadLetterHeaders = {
    reason,
    detail: detail.slice(0, maxDetail),
    stage: 'ingest',
    source: `${topic}/${partition}/${record.offset}`,
    receivedUs: String(record.appendedUs),
    ...(part && { [partHeader]: part }),
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
