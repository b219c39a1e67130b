import type { Clock } from '../../../core/runtime/clock.js';

interface Sleeper {
  readonly untilMs: number;
  readonly wake: () => void;
}

/** Time that passes only when a test says so. */
export class ManualClock implements Clock {
  private elapsedMs = 0;
  private sleepers: Sleeper[] = [];

  constructor(private startUs = 1_795_251_200_000_000) {}

  nowUs(): number {
    return this.startUs + this.elapsedMs * 1000;
  }

  monotonicMs(): number {
    return this.elapsedMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      this.sleepers.push({ untilMs: this.elapsedMs + ms, wake });
      signal?.addEventListener('abort', wake);
    });
  }

  advance(ms: number): void {
    this.elapsedMs += ms;
    const due = this.sleepers.filter(({ untilMs }) => untilMs <= this.elapsedMs);
    this.sleepers = this.sleepers.filter(({ untilMs }) => untilMs > this.elapsedMs);
    for (const { wake } of due) wake();
  }

  /** The wall clock is set; the monotonic one goes on. */
  setWall(nowUs: number): void {
    this.startUs = nowUs - this.elapsedMs * 1000;
  }
}
