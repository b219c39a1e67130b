import type { UpTopic } from '#core/contract/mqtt-topics.js';
import type { Clock } from '#core/runtime/clock.js';
import { RetryableError } from '#core/runtime/errors.js';
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
  /** The outbox failed for good: this connection is of no more use. */
  readonly onError: (error: unknown) => void;
}

const topicOf: Record<Lane, UpTopic> = { alert: 'alert', data: 'data' };
/** How long an outbox that cannot offer, because its disk is full, is left alone. */
const retryAfterMs = 1000;

/**
 * Offers packs to the wire for the life of one connection: alerts first, then what was made since the connection stands,
 * then the backlog at its rate. A pack leaves the send queue with its PUBACK only.
 */
export class Pump {
  #onWire = 0;
  #backlogOnWire = 0;
  #running = false;
  #again = false;
  readonly #ended = new AbortController();
  #acknowledged: number[] = [];
  readonly #backlog: TokenBucket;
  #waking = false;

  constructor(private readonly options: PumpOptions) {
    const { backlogPacksPerSecond, inFlight, clock } = options;
    this.#backlog = new TokenBucket(backlogPacksPerSecond, Math.max(inFlight, backlogPacksPerSecond / 10), () =>
      clock.monotonicMs(),
    );
  }

  get inFlight(): number {
    return this.#onWire;
  }

  end(): void {
    this.#ended.abort();
  }

  /** Something may be there to send. Cheap, and safe to call at any time. */
  kick(): void {
    this.#again = true;
    if (this.#running || this.#ended.signal.aborted) return;
    this.#running = true;
    void this.#run();
  }

  async #run(): Promise<void> {
    try {
      while (this.#again && !this.#ended.signal.aborted) {
        this.#again = false;
        await this.#offer();
      }
    } catch (error) {
      if (error instanceof RetryableError) this.#wakeAfter(retryAfterMs);
      else if (!this.#ended.signal.aborted) this.options.onError(error);
    } finally {
      // Here and not in a `then`: a kick in between would be lost.
      this.#running = false;
    }
  }

  /** One look at each lane, for as many packs as the window has room for. */
  async #offer(): Promise<void> {
    const { outbox } = this.options;
    const alerts = await outbox.offer('alert', this.#room());
    this.#send(alerts, false);
    const live = await outbox.offer('data', this.#room(), 'newest-session');
    this.#send(live, false);
    const old = await this.#offerBacklog();
    // More may be waiting than one look brought.
    if (alerts.length + live.length + old > 0 && this.#room() > 0) this.#again = true;
  }

  /** At most half of the window, so that a live pack or an alert always finds room at once. */
  async #offerBacklog(): Promise<number> {
    const { outbox, inFlight } = this.options;
    const room = Math.min(this.#room(), Math.ceil(inFlight / 2) - this.#backlogOnWire);
    if (room <= 0) return 0;
    const allowed = Math.min(room, this.#backlog.available());
    if (allowed <= 0) {
      this.#wakeAfter(this.#backlog.nextMs());
      return 0;
    }
    const old = await outbox.offer('data', allowed);
    this.#backlog.take(old.length);
    this.#send(old, true);
    return old.length;
  }

  #room(): number {
    return this.#ended.signal.aborted ? 0 : this.options.inFlight - this.#onWire;
  }

  #wakeAfter(ms: number): void {
    if (this.#waking) return;
    this.#waking = true;
    void this.options.clock.sleep(ms, this.#ended.signal).then(() => {
      this.#waking = false;
      this.kick();
    });
  }

  #send(entries: readonly Entry[], backlog: boolean): void {
    if (this.#ended.signal.aborted) return;
    for (const { lane, payload, seq } of entries) {
      this.#count(1, backlog);
      this.options.publish(topicOf[lane], payload).then(
        () => this.#settle(seq, backlog),
        // Not acknowledged: it stays in the outbox, and the end of the connection is reported by itself.
        () => this.#count(-1, backlog),
      );
    }
  }

  #count(change: number, backlog: boolean): void {
    this.#onWire += change;
    if (backlog) this.#backlogOnWire += change;
  }

  #settle(seq: number, backlog: boolean): void {
    this.#count(-1, backlog);
    if (this.#acknowledged.push(seq) === 1) queueMicrotask(() => this.#acknowledge());
    this.kick();
  }

  /** All PUBACKs of one read from the socket in one call. */
  #acknowledge(): void {
    const seqs = this.#acknowledged;
    this.#acknowledged = [];
    this.options.onAcknowledged(seqs.length);
    this.options.outbox.acknowledge(seqs).catch((error: unknown) => {
      // A receipt that could not be noted is asked for again on the next connection.
      if (!(error instanceof RetryableError)) this.options.onError(error);
    });
  }
}
