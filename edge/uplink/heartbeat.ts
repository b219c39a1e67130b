import type { Clock } from '#core/runtime/clock.js';
import type { OutboxStatus } from '../outbox/outbox.js';

export interface HeartbeatOptions {
  readonly clock: Clock;
  readonly intervalMs: number;
  readonly status: () => OutboxStatus;
  /** Resolves with the PUBACK; rejects when the connection has ended. */
  readonly send: () => Promise<void>;
}

/** After the last new pack, so long: a tail that got lost shows soon, and a steady flow costs no more than the interval. */
const quietMs = 1000;

/** Says at every interval, and soon after packs have stopped coming, what the last number is. Ends with `ended`. */
export async function beat(ended: AbortSignal, { clock, intervalMs, status, send }: HeartbeatOptions): Promise<void> {
  const stepMs = Math.min(intervalMs, quietMs);
  let [toldSeq, toldMs, seenSeq] = [status().lastSeq, clock.monotonicMs(), status().lastSeq];
  let sending = false;
  for (;;) {
    await clock.sleep(stepMs, ended);
    if (ended.aborted) return;
    const { lastSeq } = status();
    const isQuiet = lastSeq === seenSeq && lastSeq !== toldSeq;
    seenSeq = lastSeq;
    // While the gateway holds its PUBACKs, one heartbeat that waits is enough.
    if (sending || (!isQuiet && clock.monotonicMs() - toldMs < intervalMs)) continue;
    [toldSeq, toldMs, sending] = [lastSeq, clock.monotonicMs(), true];
    void send()
      .catch(() => undefined)
      .finally(() => (sending = false));
  }
}
