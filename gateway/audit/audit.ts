import { Counter, type Registry } from 'prom-client';
import type { AuditEntry } from '#core/contract/audit.js';
import { logTopics } from '#core/contract/log-topics.js';
import type { EventLog, LogRecord } from '#core/log/log.js';
import type { Clock } from '#core/runtime/clock.js';
import { messageOf } from '#core/runtime/errors.js';
import type { Part } from '#core/runtime/lifecycle.js';
import type { Logger } from '#core/runtime/logger.js';

/** An entry as its author knows it. */
export type AuditNote = Omit<AuditEntry, 'timeUs'>;

/** Where others say what is to be remembered. Returns at once. */
export interface AuditSink {
  note(entry: AuditNote): void;
}

export interface AuditOptions {
  readonly log: EventLog;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly registry: Registry;
  /** Entries that wait while the log is away; beyond it they are dropped, and counted. */
  readonly maxWaiting?: number;
}

/** Entries of one append. */
const batchEntries = 500;
const longest = { who: 256, target: 256, address: 64, detail: 500 } as const;

/**
 * Writes who did what to the log topic `gateway-audit`. Nobody waits for it: while the log is away entries wait here, and
 * at its bound they are dropped; `fieldline_gateway_audit_total{outcome}` counts them as written, dropped or failed.
 */
export class Audit implements Part, AuditSink {
  private readonly waiting: LogRecord[] = [];
  private readonly counter: Counter<'outcome'>;
  private writing: Promise<void> | undefined;
  private open = false;

  constructor(private readonly options: AuditOptions) {
    this.counter = new Counter({
      name: 'fieldline_gateway_audit_total',
      help: 'Entries of the audit, by what became of them: written, dropped, failed',
      labelNames: ['outcome'],
      registers: [options.registry],
    });
  }

  note(entry: AuditNote): void {
    const { maxWaiting = 10_000, clock } = this.options;
    if (this.waiting.length >= maxWaiting) return this.counter.inc({ outcome: 'dropped' });
    this.waiting.push(recordOf({ timeUs: clock.nowUs(), ...entry }));
    if (this.open) this.writing ??= this.write();
  }

  start(): Promise<void> {
    this.open = true;
    if (this.waiting.length > 0) this.writing ??= this.write();
    return Promise.resolve();
  }

  /** Gives what waits until the deadline to be written. */
  async stop(deadlineMs: number): Promise<void> {
    this.open = false;
    const over = new AbortController();
    if (this.writing) await Promise.race([this.writing, this.options.clock.sleep(deadlineMs, over.signal)]);
    over.abort();
  }

  private async write(): Promise<void> {
    // Those who speak in one turn share an append.
    await Promise.resolve();
    while (this.waiting.length > 0) {
      const records = this.waiting.splice(0, batchEntries);
      try {
        await this.options.log.append(logTopics.audit.name, records);
        this.counter.inc({ outcome: 'written' }, records.length);
      } catch (error) {
        this.counter.inc({ outcome: 'failed' }, records.length);
        this.options.logger.error({ entries: records.length, error: messageOf(error) }, 'the audit was not written');
      }
    }
    this.writing = undefined;
  }
}

function recordOf(entry: AuditEntry): LogRecord {
  const cut = Object.entries(longest).map(([name, length]) => [name, entry[name as keyof typeof longest], length]);
  const texts = Object.fromEntries(
    cut.flatMap(([name, text, length]) => (typeof text === 'string' ? [[name, text.slice(0, length as number)]] : [])),
  ) as Partial<AuditEntry>;
  const value = Buffer.from(JSON.stringify({ ...entry, ...texts }));
  return { key: texts.target || 'none', value };
}
