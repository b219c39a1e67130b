import type { Clock } from '#core/runtime/clock.js';

/** A second's worth may go at once. */
const burstMs = 1000;

/** Lets bytes through at a rate: a bucket that may be overdrawn, so that a batch larger than it waits and passes. */
export class Pace {
  private freeMs = -Infinity;

  constructor(
    private readonly clock: Clock,
    private readonly bytesPerSecond: number,
  ) {}

  /** Resolves when the bytes may go, or when `signal` aborts. */
  async pass(bytes: number, signal: AbortSignal): Promise<void> {
    const nowMs = this.clock.monotonicMs();
    const startMs = Math.max(this.freeMs, nowMs - burstMs);
    this.freeMs = startMs + (bytes / this.bytesPerSecond) * 1000;
    if (startMs > nowMs) await this.clock.sleep(startMs - nowMs, signal);
  }
}
