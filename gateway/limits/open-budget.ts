import { Counter, type Registry } from 'prom-client';
import type { Clock } from '#core/runtime/clock.js';
import type { Logger } from '#core/runtime/logger.js';
import { observe } from '#core/runtime/metrics.js';
import { HoldBudget, type HoldLimits } from '../broker/hold-budget.js';

export interface OpenBudgetOptions {
  readonly limits: HoldLimits;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly registry: Registry;
}

/** Whoever is too fast is so for long: one line of all of them in this time. */
const silentMs = 10_000;

/** The budget of a broker with its metrics: `fieldline_gateway_{held,throttled}_…`. */
export function openBudget({ limits, clock, logger, registry }: OpenBudgetOptions): HoldBudget {
  const throttled = new Counter({
    name: 'fieldline_gateway_throttled_total',
    help: 'Times that a connection was not read from because its device sent faster than it may',
    registers: [registry],
  });
  let silentUntilMs = 0;
  const budget = new HoldBudget(limits, clock, ({ key }) => {
    throttled.inc();
    const nowMs = clock.monotonicMs();
    if (nowMs < silentUntilMs) return;
    silentUntilMs = nowMs + silentMs;
    logger.warn(
      { sender: key, connections: budget.paced + 1, ...limits.deviceRates },
      'a device sends faster than it may; it is read no faster',
    );
  });
  observe(
    registry,
    'fieldline_gateway_throttled_connections',
    'Connections that wait for their rate now',
    () => budget.paced,
  );
  observe(registry, 'fieldline_gateway_held_messages', 'Publishes not yet settled', () => budget.messages);
  observe(registry, 'fieldline_gateway_held_bytes', 'Bytes of publishes not yet settled', () => budget.bytes);
  return budget;
}
