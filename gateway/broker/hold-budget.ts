import type { Clock } from '#core/runtime/clock.js';
import { RateLimiter, type Rates } from '../limits/rate-limiter.js';
import { principalKey, type Principal } from './principal.js';
import type { ConnectionStream } from './connection-stream.js';

export interface HoldLimits {
  /** Bytes of packets taken in and not yet settled, of one device and of all. */
  readonly maxDeviceBytes: number;
  readonly maxTotalBytes: number;
  /** Publishes taken in and not yet settled, of one device. */
  readonly maxDeviceMessages: number;
  /** What one device may send in the long run. */
  readonly deviceRates: Rates;
}

/** Between two looks at who has waited long enough. */
const tickMs = 10;

/**
 * What the gateway holds for devices until the log has it, and how fast it takes it. Beyond the limits `reserve` says
 * no: the caller stops reading from its socket, and tries again when it is called back. Nothing is ever dropped.
 */
export class HoldBudget {
  private readonly accounts = new Map<string, SenderAccount>();
  private readonly waiting = new Set<() => void>();
  /** Those that wait for their rate alone, with the time when they may ask again. */
  private readonly pacing = new Map<() => void, number>();
  private waking = false;
  private ticking = false;
  bytes = 0;
  messages = 0;

  constructor(
    readonly limits: HoldLimits,
    readonly clock: Clock,
    /** A sender came to wait for its rate. */
    private readonly onPaced: (account: SenderAccount) => void = () => undefined,
  ) {}

  /** Connections that wait for room. */
  get waiters(): number {
    return this.waiting.size;
  }

  /** Connections that wait because their sender is faster than it may be. */
  get paced(): number {
    return this.pacing.size;
  }

  account(principal: Principal): SenderAccount {
    const key = principalKey(principal);
    let account = this.accounts.get(key);
    if (!account) this.accounts.set(key, (account = new SenderAccount(key, principal, this)));
    return account;
  }

  /** The account of a sender that holds something or is connected, by its `principalKey`. */
  find(key: string): SenderAccount | undefined {
    return this.accounts.get(key);
  }

  forget(account: SenderAccount): void {
    if (account.bytes === 0 && account.connections.size === 0) this.accounts.delete(account.key);
  }

  /**
   * After `reserve` said no: calls back when it may say yes, and again until `cancel`. Those that wait for room are
   * called in the order of asking, at each release.
   */
  wait(retry: () => void, account: SenderAccount): void {
    if (account.pacedUntilMs <= this.clock.monotonicMs()) {
      this.pacing.delete(retry);
      this.waiting.add(retry);
      return;
    }
    this.waiting.delete(retry);
    if (!this.pacing.has(retry)) this.onPaced(account);
    this.pacing.set(retry, account.pacedUntilMs);
    if (!this.ticking) void this.tick();
  }

  cancel(retry: () => void): void {
    this.waiting.delete(retry);
    this.pacing.delete(retry);
  }

  private async tick(): Promise<void> {
    this.ticking = true;
    while (this.pacing.size > 0) {
      await this.clock.sleep(tickMs);
      const nowMs = this.clock.monotonicMs();
      for (const [retry, dueMs] of [...this.pacing]) if (dueMs <= nowMs) retry();
    }
    this.ticking = false;
  }

  wake(): void {
    if (this.waking || this.waiting.size === 0) return;
    this.waking = true;
    // One round of callbacks for all that is released in this turn.
    setImmediate(() => {
      this.waking = false;
      for (const retry of [...this.waiting]) retry();
    });
  }
}

/** What is held for one device or client, over all its connections. */
export class SenderAccount {
  bytes = 0;
  messages = 0;
  /** Its open connections, oldest first. */
  readonly connections = new Set<Pick<ConnectionStream, 'refuse' | 'proof' | 'session'>>();
  /** Monotonic milliseconds; in the past where the last message did not come too fast. */
  pacedUntilMs = 0;
  private readonly limiter: RateLimiter;

  constructor(
    readonly key: string,
    readonly principal: Principal,
    private readonly budget: HoldBudget,
  ) {
    this.limiter = new RateLimiter(budget.limits.deviceRates, () => budget.clock.monotonicMs());
  }

  reserve(bytes: number): boolean {
    const { limits, clock } = this.budget;
    if (this.bytes + bytes > limits.maxDeviceBytes || this.messages >= limits.maxDeviceMessages) return false;
    if (this.budget.bytes + bytes > limits.maxTotalBytes) return false;
    // Last, for it counts the message.
    const waitMs = this.limiter.admit(bytes);
    if (waitMs > 0) {
      this.pacedUntilMs = clock.monotonicMs() + waitMs;
      return false;
    }
    this.charge(bytes);
    return true;
  }

  /** Takes room whether there is any or not: for what was read already. */
  charge(bytes: number): void {
    this.bytes += bytes;
    this.messages += 1;
    this.budget.bytes += bytes;
    this.budget.messages += 1;
  }

  release(bytes: number, messages = 1): void {
    this.bytes -= bytes;
    this.messages -= messages;
    this.budget.bytes -= bytes;
    this.budget.messages -= messages;
    this.budget.forget(this);
    this.budget.wake();
  }
}
