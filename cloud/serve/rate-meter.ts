import type { Clock } from '#core/runtime/clock.js';

const seconds = 10;

/** Events per second over the last ten full seconds. */
export class RateMeter {
  private readonly counts = new Float64Array(seconds + 1);
  private readonly startMs: number;
  private second: number;

  constructor(private readonly clock: Clock) {
    this.startMs = clock.monotonicMs();
    this.second = this.now();
  }

  add(count: number): void {
    this.turn();
    this.counts[this.second % this.counts.length]! += count;
  }

  perSecond(): number {
    this.turn();
    const current = this.counts[this.second % this.counts.length]!;
    const total = this.counts.reduce((sum, count) => sum + count, 0) - current;
    const ran = Math.floor((this.clock.monotonicMs() - this.startMs) / 1000);
    return total / Math.min(seconds, Math.max(1, ran));
  }

  private turn(): void {
    const now = this.now();
    for (let second = Math.max(this.second + 1, now - seconds); second <= now; second += 1) {
      this.counts[second % this.counts.length] = 0;
    }
    this.second = now;
  }

  private now(): number {
    return Math.floor(this.clock.monotonicMs() / 1000);
  }
}
