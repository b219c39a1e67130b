/** How failed log-ins of one address are slowed down. */
export interface FailureLimits {
  /** Failures that are answered at once; they are forgiven one by one, at `forgiveMs` each. */
  readonly burst: number;
  readonly forgiveMs: number;
  /** The wait before the answer to any further failure. */
  readonly delayMs: number;
  /** Addresses remembered; the one that failed longest ago is forgotten first. */
  readonly maxAddresses: number;
}

interface Failures {
  count: number;
  atMs: number;
}

/**
 * Counts failed log-ins per address. Only failures are slowed down: behind one address may stand a whole plant, and a
 * device with the wrong password must not lock out the others. Guessing is hopeless anyway, a token has 256 bits.
 */
export class FailureLimiter {
  private readonly failures = new Map<string, Failures>();

  constructor(
    private readonly limits: FailureLimits,
    private readonly monotonicMs: () => number,
  ) {}

  /** Notes a failure; returns how many milliseconds its answer must wait. */
  fail(address: string): number {
    const { burst, forgiveMs, delayMs, maxAddresses } = this.limits;
    const nowMs = this.monotonicMs();
    const before = this.failures.get(address);
    const left = before ? Math.max(0, before.count - (nowMs - before.atMs) / forgiveMs) : 0;
    this.failures.delete(address);
    this.failures.set(address, { count: Math.min(left + 1, burst), atMs: nowMs });
    if (this.failures.size > maxAddresses) this.failures.delete(this.failures.keys().next().value!);
    return left + 1 > burst ? delayMs : 0;
  }
}
