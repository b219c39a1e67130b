import { Counter, type Registry } from 'prom-client';
import type { Clock } from '#core/runtime/clock.js';
import type { Logger } from '#core/runtime/logger.js';

/** Why a routed message was not kept for somebody. A closed list: a metric label. */
export type LossReason =
  /** The queue of one session was full; whoever is connected has got the message all the same. */
  | 'session-queue'
  /** The queues of all sessions together were. */
  | 'all-queues'
  /** It was delivered to all who read it, but not retained for later ones. */
  | 'retained'
  /** The session unused for longest made room for a new one. */
  | 'session';

const silentMs = 1000;

/** Counts and logs what routing could not keep: `fieldline_gateway_routed_lost_total{reason}`. */
export class RoutingLosses {
  private readonly counter: Counter<'reason'>;
  private readonly silentUntilMs = new Map<LossReason, number>();

  constructor(
    registry: Registry,
    private readonly logger: Logger,
    private readonly clock: Clock,
  ) {
    this.counter = new Counter({
      name: 'fieldline_gateway_routed_lost_total',
      help: 'Messages of foreign topics that were not kept for a reader who is away, by the limit that was reached',
      labelNames: ['reason'],
      registers: [registry],
    });
  }

  add(reason: LossReason, who: object): void {
    this.counter.inc({ reason });
    const nowMs = this.clock.monotonicMs();
    if (nowMs < (this.silentUntilMs.get(reason) ?? 0)) return;
    this.silentUntilMs.set(reason, nowMs + silentMs);
    this.logger.warn({ reason, ...who }, 'a routed message was not kept');
  }
}
