import { setImmediate as nextTurn } from 'node:timers/promises';
import { RetryableError } from '../../runtime/errors.js';
import type { LogRecord } from '../log.js';

interface Append {
  readonly records: readonly LogRecord[];
  readonly bytes: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** One commit's worth; a call is never split, and the calls of a commit may be together a little above it. */
const maxCommitBytes = 4 * 1_048_576;

/** Gathers concurrent appends into one commit at a time, in the order of the calls. */
export class AppendQueue {
  private waiting: Append[] = [];
  private running: Promise<void> | undefined;
  private records = 0;

  /** `commit` makes records durable; if it throws, their appends reject with that. */
  constructor(private readonly commit: (records: LogRecord[], bytes: number) => Promise<void>) {}

  get waitingRecords(): number {
    return this.records;
  }

  append(records: readonly LogRecord[], bytes: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ records, bytes, resolve, reject });
      this.records += records.length;
      this.running ??= this.run();
    });
  }

  /** Resolves when nothing is under way any more. */
  async drained(): Promise<void> {
    await this.running;
  }

  /** Rejects what is not being committed yet with RetryableError `stopped`. */
  abandon(): void {
    for (const { records, reject } of this.waiting.splice(0)) {
      this.records -= records.length;
      reject(new RetryableError('stopped', 'the event log was stopped before the records were written'));
    }
  }

  private async run(): Promise<void> {
    while (this.waiting.length > 0) {
      // Those who append in the same turn of the event loop share the commit.
      await nextTurn();
      const appends = this.take();
      const records = appends.flatMap((append) => append.records);
      const bytes = appends.reduce((sum, append) => sum + append.bytes, 0);
      await this.commit(records, bytes).then(
        () => appends.forEach(({ resolve }) => resolve()),
        (error: unknown) => appends.forEach(({ reject }) => reject(error)),
      );
      this.records -= records.length;
    }
    this.running = undefined;
  }

  private take(): Append[] {
    let bytes = 0;
    const after = this.waiting.findIndex((append) => (bytes += append.bytes) >= maxCommitBytes);
    return this.waiting.splice(0, after === -1 ? this.waiting.length : after + 1);
  }
}
