import type { AuditNote, AuditSink } from './audit.js';

export interface LoginAuditOptions {
  readonly audit: AuditSink;
  readonly monotonicMs: () => number;
  /** Of one address, so many entries in this time; those beyond are counted in the first that follows. */
  readonly intervalMs?: number;
  readonly burst?: number;
  readonly maxAddresses?: number;
  /** What was refused. Default: log-ins. */
  readonly what?: AuditNote['what'];
}

interface Seen {
  readonly untilMs: number;
  noted: number;
  silent: number;
}

/** Refused log-ins in the audit. Whoever knocks in a loop fills neither the log nor the room for others' entries. */
export class LoginAudit {
  private readonly seen = new Map<string, Seen>();

  constructor(private readonly options: LoginAuditOptions) {}

  /** `who` is what the connection said of itself, and proves nothing. */
  refused(who: string | undefined, address: string, reason: string): void {
    const { burst = 10, what = 'log-in' } = this.options;
    const seen = this.seenOf(address);
    if (seen.noted >= burst) return void (seen.silent += 1);
    seen.noted += 1;
    const detail = seen.silent > 0 ? `${reason}; ${seen.silent} from this address were not noted before` : reason;
    seen.silent = 0;
    const name = who === undefined || who === '' ? 'unknown' : who;
    this.options.audit.note({ who: name, what, target: name, outcome: 'refused', address, detail });
  }

  private seenOf(address: string): Seen {
    const { monotonicMs, intervalMs = 60_000, maxAddresses = 10_000 } = this.options;
    const nowMs = monotonicMs();
    const before = this.seen.get(address);
    if (before && nowMs < before.untilMs) return before;
    const seen = { untilMs: nowMs + intervalMs, noted: 0, silent: before?.silent ?? 0 };
    this.seen.delete(address);
    this.seen.set(address, seen);
    if (this.seen.size > maxAddresses) this.seen.delete(this.seen.keys().next().value!);
    return seen;
  }
}
