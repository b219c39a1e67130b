import type { LocalLog } from '#core/log/local-log.js';
import type { Clock } from '#core/runtime/clock.js';
import { RetryableError } from '#core/runtime/errors.js';

export interface SpoolBudgetOptions {
  readonly disk: Pick<LocalLog, 'bytes' | 'shed'>;
  readonly maxBytes: number;
  readonly clock: Clock;
}

/** The directory is measured no more often: whoever is turned away tries again anyway. */
const measureEveryMs = 250;

/** Keeps the spool within its bytes on disk: counts what is added, and looks at the disk only when that is too much. */
export class SpoolBudget {
  private onDisk = 0;
  private measuring: Promise<void> | undefined;
  private measuredMs = -Infinity;

  constructor(private readonly options: SpoolBudgetOptions) {}

  get bytes(): number {
    return this.onDisk;
  }

  /** Takes room for `bytes`. Throws RetryableError `over-budget`. */
  async take(bytes: number): Promise<void> {
    const { maxBytes } = this.options;
    if (this.onDisk + bytes > maxBytes) await this.reclaim();
    if (this.onDisk + bytes > maxBytes) {
      throw new RetryableError(
        'over-budget',
        `the spool holds ${this.onDisk} of ${maxBytes} bytes that the log must take`,
      );
    }
    this.onDisk += bytes;
  }

  /** Removes what was forwarded, and measures what is left. */
  reclaim(): Promise<void> {
    const { clock } = this.options;
    if (clock.monotonicMs() - this.measuredMs < measureEveryMs) return Promise.resolve();
    this.measuring ??= this.measure().finally(() => {
      this.measuredMs = clock.monotonicMs();
      this.measuring = undefined;
    });
    return this.measuring;
  }

  private async measure(): Promise<void> {
    const before = this.onDisk;
    await this.options.disk.shed(Number.MAX_SAFE_INTEGER);
    const found = await this.options.disk.bytes();
    // What was taken meanwhile may not be on the disk yet.
    this.onDisk = found + (this.onDisk - before);
  }
}
