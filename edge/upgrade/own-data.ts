import type { Clock } from '#core/runtime/clock.js';
import type { Outbox } from '../outbox/outbox.js';

/** More than may be on the wire at once. */
const rememberedPacks = 4096;

/**
 * Looks at what goes through an outbox: whether a data pack that this process made was acknowledged, and whether the outbox
 * still answers. A pack of an earlier process says nothing of this one.
 */
export class OwnData {
  private readonly own = new Set<number>();
  private readonly appends = new Map<number, number>();
  private count = 0;
  private acknowledged = false;

  constructor(private readonly clock: Pick<Clock, 'monotonicMs'>) {}

  get isAcknowledged(): boolean {
    return this.acknowledged;
  }

  /** For how long the oldest append has been under way, in milliseconds; 0 if none is. */
  get oldestAppendMs(): number {
    const [first] = this.appends.values();
    return first === undefined ? 0 : this.clock.monotonicMs() - first;
  }

  /** The outbox, looked at: agent and uplink must both use it. */
  watch(outbox: Outbox): Outbox {
    const { renew, payloadOf } = outbox;
    return {
      get epoch() {
        return outbox.epoch;
      },
      start: () => outbox.start(),
      stop: (deadlineMs) => outbox.stop(deadlineMs),
      append: async (entries) => {
        const seqs = await this.timed(() => outbox.append(entries));
        if (!this.acknowledged) entries.forEach(({ lane }, i) => lane === 'data' && this.remember(seqs[i]!));
        return seqs;
      },
      acknowledge: (seqs) => {
        if (seqs.some((seq) => this.own.has(seq))) this.settle();
        return outbox.acknowledge(seqs);
      },
      offer: (lane, max, order, below) => outbox.offer(lane, max, order, below),
      rewind: () => outbox.rewind(),
      resend: (from, to) => outbox.resend(from, to),
      // What it held has other numbers from then on; what comes next will do.
      ...(renew && { renew: () => renew.call(outbox).finally(() => this.own.clear()) }),
      ...(payloadOf && { payloadOf: (seq: number) => payloadOf.call(outbox, seq) }),
      status: () => outbox.status(),
      onAppend: (listener) => outbox.onAppend(listener),
    };
  }

  private remember(seq: number): void {
    this.own.add(seq);
    if (this.own.size > rememberedPacks) this.own.delete(this.own.values().next().value!);
  }

  private settle(): void {
    this.acknowledged = true;
    this.own.clear();
  }

  private async timed<T>(work: () => Promise<T>): Promise<T> {
    const number = (this.count += 1);
    this.appends.set(number, this.clock.monotonicMs());
    try {
      return await work();
    } finally {
      this.appends.delete(number);
    }
  }
}
