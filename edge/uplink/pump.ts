import type { UpTopic } from '#core/contract/mqtt-topics.js';
import type { Clock } from '#core/runtime/clock.js';
import type { Entry, Lane, Outbox } from '../outbox/outbox.js';
import { TokenBucket } from './token-bucket.js';

export interface PumpOptions {
  readonly outbox: Outbox;
  /** Packs on the wire at once, at most. */
  readonly inFlight: number;
  readonly backlogPacksPerSecond: number;
  readonly clock: Clock;
  /** Resolves with the PUBACK, rejects when the connection ended. */
  readonly publish: (topic: UpTopic, payload: Uint8Array) => Promise<void>;
  readonly onAcknowledged: (entries: number) => void;
  /** The outbox or the connection failed: this connection is of no more use. */
  readonly onError: (error: unknown) => void;
}

const topicOf: Record<Lane, UpTopic> = { alert: 'alert', data: 'data' };

/**
 * Offers packs to the wire for the life of one connection: alerts first, then what was made since the connection stands,
 * then the backlog at its rate. A pack leaves the send queue with its PUBACK only.
 */
export class Pump {
  private onWire = 0;
  private offering = false;
  private again = false;
  private ended = false;
  private acknowledged: number[] = [];
  private readonly backlog: TokenBucket;
  private wake: Promise<void> | undefined;

  constructor(private readonly options: PumpOptions) {
    const { backlogPacksPerSecond, inFlight, clock } = options;
    this.backlog = new TokenBucket(backlogPacksPerSecond, Math.max(inFlight, backlogPacksPerSecond / 10), () =>
      clock.monotonicMs(),
    );
  }

  get inFlight(): number {
    return this.onWire;
  }

  end(): void {
    this.ended = true;
  }

  /** Something may be there to send. Cheap, and safe to call at any time. */
  kick(): void {
    this.again = true;
    if (this.offering || this.ended) return;
    this.offering = true;
    void this.run()
      .catch((error: unknown) => {
        if (!this.ended) this.options.onError(error);
      })
      .finally(() => (this.offering = false));
  }

  private async run(): Promise<void> {
    while (this.again && !this.ended) {
      this.again = false;
      for (const entry of await this.next()) this.send(entry);
    }
  }

  /** The packs to send now; as many as the window has room for. */
  private async next(): Promise<Entry[]> {
    const { outbox, inFlight } = this.options;
    const room = inFlight - this.onWire;
    if (room <= 0) return [];
    const entries = await outbox.offer('alert', room);
    if (entries.length < room) entries.push(...(await outbox.offer('data', room - entries.length, 'newest-session')));
    const allowed = Math.min(room - entries.length, this.backlog.available());
    if (allowed > 0) {
      const old = await outbox.offer('data', allowed);
      this.backlog.take(old.length);
      entries.push(...old);
    } else if (entries.length < room) this.wakeForBacklog();
    // More may be waiting than one look brought.
    if (entries.length > 0) this.again = true;
    return this.ended ? [] : entries;
  }

  private wakeForBacklog(): void {
    this.wake ??= this.options.clock.sleep(this.backlog.nextMs()).then(() => {
      this.wake = undefined;
      this.kick();
    });
  }

  private send({ lane, payload, seq }: Entry): void {
    this.onWire += 1;
    this.options.publish(topicOf[lane], payload).then(
      () => this.settle(seq),
      // Not acknowledged: it stays in the outbox, and the end of the connection is reported by itself.
      () => void (this.onWire -= 1),
    );
  }

  private settle(seq: number): void {
    this.onWire -= 1;
    if (this.acknowledged.push(seq) === 1) queueMicrotask(() => this.acknowledge());
    this.kick();
  }

  /** All PUBACKs of one read from the socket in one call. */
  private acknowledge(): void {
    const seqs = this.acknowledged;
    this.acknowledged = [];
    this.options.onAcknowledged(seqs.length);
    this.options.outbox.acknowledge(seqs).catch((error: unknown) => this.options.onError(error));
  }
}
