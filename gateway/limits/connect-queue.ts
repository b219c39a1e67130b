import type { Clock } from '#core/runtime/clock.js';

export interface ConnectQueueOptions {
  readonly clock: Clock;
  /** So many go on in a second. */
  readonly perSecond: number;
  /** So many wait at most; the next one is refused. */
  readonly maxWaiting: number;
}

/** A connection that has said CONNECT. One of the two is called, once, unless it has left before. */
export interface Visitor {
  proceed(): void;
  refuse(): void;
}

/** What may go on at once after a quiet time, in milliseconds' worth: short, or a storm would come in as one wave. */
const burstMs = 100;
const turnMs = 10;

/**
 * Lets connections in at a steady rate, first come first served. After an outage thousands of devices come back within
 * a second: those that wait here cost a buffer each, and the traffic of those that are in goes on meanwhile.
 */
export class ConnectQueue {
  /** In the order of their coming. */
  private readonly waiting = new Set<Visitor>();
  private tokens: number;
  private lastMs: number;
  private turning = false;

  constructor(private readonly options: ConnectQueueOptions) {
    this.tokens = this.burst;
    this.lastMs = options.clock.monotonicMs();
  }

  get length(): number {
    return this.waiting.size;
  }

  enter(visitor: Visitor): void {
    if (this.length === 0 && this.takeToken()) return visitor.proceed();
    if (this.length >= this.options.maxWaiting) return visitor.refuse();
    this.waiting.add(visitor);
    if (!this.turning) void this.turn();
  }

  /** Whoever hangs up takes no place from those behind it. */
  leave(visitor: Visitor): void {
    this.waiting.delete(visitor);
  }

  private get burst(): number {
    return Math.max(1, (this.options.perSecond * burstMs) / 1000);
  }

  private async turn(): Promise<void> {
    this.turning = true;
    while (this.length > 0) {
      await this.options.clock.sleep(turnMs);
      this.letIn();
    }
    this.turning = false;
  }

  private letIn(): void {
    for (const visitor of this.waiting) {
      if (!this.takeToken()) return;
      this.waiting.delete(visitor);
      visitor.proceed();
    }
  }

  private takeToken(): boolean {
    const { clock, perSecond } = this.options;
    const nowMs = clock.monotonicMs();
    this.tokens = Math.min(this.burst, this.tokens + ((nowMs - this.lastMs) / 1000) * perSecond);
    this.lastMs = nowMs;
    if (this.tokens < 1) return false;
    this.tokens -= 1;
    return true;
  }
}
