import type { Clock } from '#core/runtime/clock.js';

export interface WindowLimits {
  readonly maxMessages: number;
  readonly maxBytes: number;
}

/**
 * What the gateway has taken in from a broker and not yet settled, over all connections to it: what came on one that was
 * lost is still held, and the broker sends it again on the next.
 */
export class ReceiveWindow {
  messages = 0;
  bytes = 0;
  private waiter: (() => void) | undefined;
  private waking = false;
  private whenIdle: (() => void) | undefined;

  constructor(private readonly limits: WindowLimits) {}

  /** Takes room for one message; false without it. A message larger than all the room passes when nothing else is held. */
  reserve(bytes: number): boolean {
    const { maxMessages, maxBytes } = this.limits;
    if (this.messages >= maxMessages || (this.messages > 0 && this.bytes + bytes > maxBytes)) return false;
    this.messages += 1;
    this.bytes += bytes;
    return true;
  }

  release(bytes: number): void {
    this.messages -= 1;
    this.bytes -= bytes;
    if (this.messages === 0) this.whenIdle?.();
    if (this.waiter === undefined || this.waking) return;
    this.waking = true;
    // Once for all that is released in this turn.
    setImmediate(() => {
      this.waking = false;
      const { waiter } = this;
      this.waiter = undefined;
      waiter?.();
    });
  }

  /** Resolves when nothing is held, or after `withinMs`. */
  async idle(withinMs: number, clock: Clock): Promise<void> {
    const settled = new AbortController();
    this.whenIdle = () => settled.abort();
    if (this.messages > 0) await clock.sleep(withinMs, settled.signal);
    this.whenIdle = undefined;
  }

  /** Calls back, once, when something was released; undefined takes the wish back. */
  wait(waiter: (() => void) | undefined): void {
    this.waiter = waiter;
  }
}
