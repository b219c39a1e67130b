import type { Clock } from '#core/runtime/clock.js';
import { messageOf, RetryableError } from '#core/runtime/errors.js';
import type { Logger } from '#core/runtime/logger.js';
import { retryDelays, type RetrySchedule } from '#core/runtime/retry.js';

export interface ReleasesOptions {
  /** Carries what is parked for `wait`; may be called again for what is not there any more. */
  readonly release: (wait: string) => Promise<void>;
  readonly clock: Clock;
  readonly random: () => number;
  readonly schedule: RetrySchedule;
  readonly logger: Logger;
}

/** Works through requests to release parked records, one at a time; one that fails is tried again later. */
export class Releases {
  private readonly wanted = new Set<string>();
  private running: Promise<void> | undefined;
  private readonly stopping = new AbortController();

  constructor(private readonly options: ReleasesOptions) {}

  /** A request for what is being released at this moment leads to one more look. */
  request(wait: string): void {
    if (this.stopping.signal.aborted) return;
    this.wanted.add(wait);
    this.running ??= this.run();
  }

  /** Resolves when the release in work has ended. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  private async run(): Promise<void> {
    for (const wait of this.wanted) {
      this.wanted.delete(wait);
      if (this.stopping.signal.aborted) break;
      await this.releaseOne(wait);
    }
    this.running = undefined;
  }

  private async releaseOne(wait: string): Promise<void> {
    const { clock, random, schedule, logger, release } = this.options;
    for (const delayMs of retryDelays(schedule, random)) {
      try {
        return await release(wait);
      } catch (error) {
        const stopped = error instanceof RetryableError && error.code === 'stopped';
        if (stopped || this.stopping.signal.aborted) return;
        logger.error({ wait, error: messageOf(error) }, 'parked packs could not be released: trying again');
      }
      await clock.sleep(delayMs, this.stopping.signal);
    }
  }
}
