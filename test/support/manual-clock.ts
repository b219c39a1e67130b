import type { Clock } from '../../core/runtime/clock.js';

interface Sleeper {
  readonly wakeMs: number;
  readonly wake: () => void;
}

/** A clock that moves only when told: sleepers wake in the order of their time, and what they start runs dry before the next. */
export class ManualClock implements Clock {
  private sleepers: Sleeper[] = [];
  private monotonic = 0;

  constructor(private wallUs = Date.UTC(2026, 10, 21, 10, 0, 0) * 1000) {}

  nowUs(): number {
    return Math.round(this.wallUs);
  }

  monotonicMs(): number {
    return this.monotonic;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = () => {
        this.sleepers = this.sleepers.filter((other) => other !== sleeper);
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      const sleeper = { wakeMs: this.monotonic + Math.max(0, ms), wake };
      this.sleepers.push(sleeper);
      signal?.addEventListener('abort', wake);
    });
  }

  /** Lets `ms` pass. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.monotonic + ms;
    await settle();
    for (let next = this.earliest(untilMs); next; next = this.earliest(untilMs)) {
      this.moveTo(next.wakeMs);
      next.wake();
      await settle();
    }
    this.moveTo(untilMs);
  }

  /** Sets the wall clock forth or back by `ms`; no time passes. */
  stepWall(ms: number): void {
    this.wallUs += ms * 1000;
  }

  private earliest(untilMs: number): Sleeper | undefined {
    const due = this.sleepers.filter(({ wakeMs }) => wakeMs <= untilMs);
    return due.sort((a, b) => a.wakeMs - b.wakeMs)[0];
  }

  private moveTo(ms: number): void {
    this.wallUs += (ms - this.monotonic) * 1000;
    this.monotonic = ms;
  }
}

/** Lets everything that is ready to run, run. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 4; i += 1) await new Promise((resolve) => setImmediate(resolve));
}
