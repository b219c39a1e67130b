import { retryDelays } from '#core/runtime/retry.js';

/** How long what does not answer is left alone: 1 s, then twice as long each time, up to a minute. */
export class Rest {
  private delays = fresh();
  private untilMs = -Infinity;

  isOver(nowMs: number): boolean {
    return nowMs >= this.untilMs;
  }

  /** Begins a rest. */
  begin(nowMs: number): void {
    this.untilMs = nowMs + this.delays.next().value;
  }

  /** It answers: the next rest is a short one again. */
  end(): void {
    if (this.untilMs === -Infinity) return;
    this.untilMs = -Infinity;
    this.delays = fresh();
  }
}

function fresh(): Generator<number, never> {
  // One master asks one unit: there is no crowd that chance would have to part.
  return retryDelays({ firstMs: 1000, maxMs: 60_000, jitter: 0 }, () => 0);
}
