import type { EnrolmentCredential } from '#core/contract/credentials.js';
import { logTopics } from '#core/contract/log-topics.js';
import type { EventLog, LogRecord } from '#core/log/log.js';
import type { Clock } from '#core/runtime/clock.js';
import { messageOf, RetryableError } from '#core/runtime/errors.js';
import type { Logger } from '#core/runtime/logger.js';
import type { CredentialBook } from '../identity/credential-book.js';
import { credentialRecord } from '../identity/issue-token.js';

export interface ReadBackOptions {
  readonly log: EventLog;
  readonly book: CredentialBook;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long the log may take to tell what it took. */
  readonly patienceMs?: number;
}

interface Waiting {
  readonly record: LogRecord;
  readonly seen: () => void;
}

/**
 * Writes what is said of enrolment tokens, and waits until the log has told it back: only then it is known whether another
 * gateway said something else before, which counts in its place. What was written too late is written over, or it alone
 * would remain when the log is compacted.
 */
export class ReadBack {
  private readonly waiting = new Set<Waiting>();

  constructor(private readonly options: ReadBackOptions) {}

  /** A record of `device-events`, which the book has learned already. */
  saw({ key, value }: Pick<LogRecord, 'key' | 'value'>): void {
    for (const one of this.waiting) {
      if (one.record.key === key && Buffer.from(value).equals(one.record.value)) one.seen();
    }
  }

  /** Resolves with what is true of the token now, which may not be what was said. Throws RetryableError. */
  async write(owner: string, id: string, said: EnrolmentCredential): Promise<EnrolmentCredential> {
    const { log, book } = this.options;
    const record = credentialRecord(owner, id, said);
    await this.told(record, () => log.append(logTopics.deviceEvents.name, [record]));
    const held = book.enrolment(owner, id);
    if (!held) throw new RetryableError('unavailable', 'the token is gone');
    if (!isSame(held, said)) await this.repair(credentialRecord(owner, id, held));
    return held;
  }

  private async told(record: LogRecord, append: () => Promise<void>): Promise<void> {
    const { clock, patienceMs = 10_000 } = this.options;
    const seen = new AbortController();
    const one: Waiting = { record, seen: () => seen.abort() };
    this.waiting.add(one);
    try {
      await append();
      if (!seen.signal.aborted) await clock.sleep(patienceMs, seen.signal);
      if (!seen.signal.aborted) throw new RetryableError('timeout', 'the log has not told it back yet');
    } finally {
      this.waiting.delete(one);
    }
  }

  private async repair(record: LogRecord): Promise<void> {
    const { log, logger } = this.options;
    await log.append(logTopics.deviceEvents.name, [record]).catch((error: unknown) => {
      logger.error({ key: record.key, error: messageOf(error) }, 'what another gateway said of a token stands no more');
    });
  }
}

function isSame(one: EnrolmentCredential, other: EnrolmentCredential): boolean {
  const told = ({ bound, usedUs, revokedUs }: EnrolmentCredential) => [bound?.fingerprint, usedUs, revokedUs].join();
  return told(one) === told(other);
}
