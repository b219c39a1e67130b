import { retryDelays } from '#core/runtime/retry.js';

export interface ReconnectSchedule {
  readonly firstMs: number;
  readonly maxMs: number;
  /** The same where the gateway said that it has no room now: later, and spread wide. */
  readonly busyFirstMs?: number;
  readonly busyMaxMs?: number;
}

const busyDefaults = { busyFirstMs: 5000, busyMaxMs: 60_000 };

/** How long to wait before the next try to connect, in milliseconds; chance keeps many devices from coming at once. */
export class ReconnectDelays {
  private lost: Iterator<number, never>;
  private busy: Iterator<number, never>;

  constructor(
    private readonly schedule: ReconnectSchedule,
    private readonly random: () => number,
  ) {
    [this.lost, this.busy] = this.fresh();
  }

  next(isBusy: boolean): number {
    return (isBusy ? this.busy : this.lost).next().value;
  }

  /** The connection was good: the next trouble is another one. */
  reset(): void {
    [this.lost, this.busy] = this.fresh();
  }

  private fresh(): [Iterator<number, never>, Iterator<number, never>] {
    const { firstMs, maxMs, ...busy } = this.schedule;
    const { busyFirstMs, busyMaxMs } = { ...busyDefaults, ...busy };
    return [
      retryDelays({ firstMs, maxMs, jitter: 0.5 }, this.random),
      retryDelays({ firstMs: busyFirstMs, maxMs: busyMaxMs, jitter: 0.9 }, this.random),
    ];
  }
}
