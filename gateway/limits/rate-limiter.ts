/** What one sender may do in the long run; Infinity: as much as it likes. */
export interface Rates {
  readonly messagesPerSecond: number;
  readonly bytesPerSecond: number;
}

/**
 * Two token buckets, of messages and of bytes, that hold one second's worth. A message passes while nothing is owed,
 * however large it is; what it takes beyond the bucket is owed, and paid off before the next one.
 */
export class RateLimiter {
  private messages: number;
  private bytes: number;
  private lastMs: number;

  constructor(
    private readonly rates: Rates,
    private readonly monotonicMs: () => number,
  ) {
    this.messages = rates.messagesPerSecond;
    this.bytes = rates.bytesPerSecond;
    this.lastMs = monotonicMs();
  }

  /** 0: the message may pass, and is counted. Otherwise the milliseconds to wait before asking again. */
  admit(bytes: number): number {
    const { messagesPerSecond, bytesPerSecond } = this.rates;
    const nowMs = this.monotonicMs();
    const seconds = (nowMs - this.lastMs) / 1000;
    this.lastMs = nowMs;
    this.messages = Math.min(messagesPerSecond, this.messages + seconds * messagesPerSecond);
    this.bytes = Math.min(bytesPerSecond, this.bytes + seconds * bytesPerSecond);
    const waitS = Math.max((1 - this.messages) / messagesPerSecond, -this.bytes / bytesPerSecond);
    if (waitS > 0) return Math.max(1, waitS * 1000);
    this.messages -= 1;
    this.bytes -= bytes;
    return 0;
  }
}
