import { deviceKey, type DeviceId } from '#core/contract/names.js';

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
  private readonly accounts = new Map<string, DeviceAccount>();
  private readonly waiting = new Set<() => void>();
  private waking = false;
  bytes = 0;
  messages = 0;

  constructor(readonly limits: HoldLimits) {}

  /** Connections that wait for room. */
  get waiters(): number {
    return this.waiting.size;
  }

  account(device: DeviceId): DeviceAccount {
    const key = deviceKey(device);
    let account = this.accounts.get(key);
    if (!account) this.accounts.set(key, (account = new DeviceAccount(key, device, this)));
    return account;
  }

  /** The account of a device that holds something or is connected. */
  find(device: DeviceId): DeviceAccount | undefined {
    return this.accounts.get(deviceKey(device));
  }

  forget(account: DeviceAccount): void {
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

/** What is held for one device, over all its connections. */
export class DeviceAccount {
  bytes = 0;
  messages = 0;
  /** Its open connections, oldest first. */
  readonly connections = new Set<{ refuse(reason: 'device-connections', detail: string): void }>();

  constructor(
    readonly key: string,
    readonly device: DeviceId,
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
