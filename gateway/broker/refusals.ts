import { Counter, type Registry } from 'prom-client';
import type { Clock } from '#core/runtime/clock.js';
import type { Logger } from '#core/runtime/logger.js';

/** Why the gateway refused or closed a connection, or a part of what it asked for. A closed list: a metric label. */
export type RefusalReason =
  | 'connection-limit'
  | 'connect-timeout'
  | 'connect-rate'
  | 'slow-reader'
  | 'keepalive'
  | 'slow-packet'
  | 'protocol-error'
  | 'packet-too-large'
  | 'tls'
  | 'certificate'
  | 'protocol-version'
  | 'client-id'
  | 'bad-user-name'
  | 'unauthorised'
  | 'device-retired'
  | 'unknown-device'
  | 'revoked'
  | 'log-ins-waiting'
  | 'enrolment-over'
  | 'device-connections'
  | 'forbidden-will'
  | 'will-without-room'
  | 'forbidden-topic'
  | 'retained'
  | 'number-conflict'
  | 'moved'
  | 'forbidden-subscription'
  | 'too-many-subscriptions';

/** The error that closes a connection; it was counted where it was made. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  constructor(
    readonly reason: RefusalReason,
    detail: string,
  ) {
    super(detail);
  }
}

/** Whoever knocks in a loop must not fill the disk with lines: one of a reason in this time. */
const silentMs = 1000;

/** Counts and logs refusals: `fieldline_gateway_refused_total{reason}`. */
export class Refusals {
  private readonly counter: Counter<'reason'>;
  private readonly counts = new Map<RefusalReason, number>();
  private readonly silentUntilMs = new Map<RefusalReason, number>();

  constructor(
    registry: Registry,
    private readonly logger: Logger,
    private readonly clock: Clock,
    private readonly onRefusal?: (reason: RefusalReason, detail: string, who: object) => void,
  ) {
    this.counter = new Counter({
      name: 'fieldline_gateway_refused_total',
      help: 'Connections, wills, topics and subscriptions that the gateway refused, by reason',
      labelNames: ['reason'],
      registers: [registry],
    });
  }

  add(reason: RefusalReason, detail: string, who: object): Refusal {
    this.counts.set(reason, (this.counts.get(reason) ?? 0) + 1);
    this.counter.inc({ reason });
    this.onRefusal?.(reason, detail, who);
    const nowMs = this.clock.monotonicMs();
    if (nowMs >= (this.silentUntilMs.get(reason) ?? 0)) {
      this.silentUntilMs.set(reason, nowMs + silentMs);
      this.logger.warn({ reason, count: this.counts.get(reason), ...who }, detail);
    }
    return new Refusal(reason, detail);
  }

  snapshot(): Readonly<Partial<Record<RefusalReason, number>>> {
    return Object.fromEntries(this.counts);
  }
}
