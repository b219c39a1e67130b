import { principalKey, type Principal } from './principal.js';
import type { RefusalReason } from './refusals.js';

export interface HoldLimits {
  /** Bytes of packets taken in and not yet settled, of one device and of all. */
  readonly maxDeviceBytes: number;
  readonly maxTotalBytes: number;
  /** Publishes taken in and not yet settled, of one device. */
  readonly maxDeviceMessages: number;
}

/**
 * What the gateway holds for devices until the log has it. Beyond the limits `reserve` says no: the caller stops reading
 * from its socket, and tries again when it is called back. Nothing is ever dropped.
 */
export class HoldBudget {
  private readonly accounts = new Map<string, SenderAccount>();
  private readonly waiting = new Set<() => void>();
  private waking = false;
  bytes = 0;
  messages = 0;

  constructor(readonly limits: HoldLimits) {}

  /** Connections that wait for room. */
  get waiters(): number {
    return this.waiting.size;
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

  /** Calls back, in the order of asking, when something was released; again at each release until `cancel`. */
  wait(retry: () => void): void {
    this.waiting.add(retry);
  }

  cancel(retry: () => void): void {
    this.waiting.delete(retry);
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
  readonly connections = new Set<{ refuse(reason: RefusalReason, detail: string): void }>();

  constructor(
    readonly key: string,
    readonly principal: Principal,
    private readonly budget: HoldBudget,
  ) {}

  reserve(bytes: number): boolean {
    const { limits } = this.budget;
    if (this.bytes + bytes > limits.maxDeviceBytes || this.messages >= limits.maxDeviceMessages) return false;
    if (this.budget.bytes + bytes > limits.maxTotalBytes) return false;
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
