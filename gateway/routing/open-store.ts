import type { Registry } from 'prom-client';
import type { Clock } from '#core/runtime/clock.js';
import type { Logger } from '#core/runtime/logger.js';
import { observe } from '#core/runtime/metrics.js';
import { RoutingLosses } from './routing-losses.js';
import { SessionStore, type SessionLimits } from './session-store.js';

export interface OpenStoreOptions {
  readonly limits: SessionLimits;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly registry: Registry;
}

/** Makes the store of each start of a broker, and shows the newest in `fieldline_gateway_{sessions,queued,retained}_…`. */
export function storeOpener({ limits, clock, logger, registry }: OpenStoreOptions): () => SessionStore {
  const losses = new RoutingLosses(registry, logger, clock);
  const open = () => new SessionStore({ limits, losses, isOwnTopic: (topic) => topic.startsWith('fieldline/') });
  let store = open();
  const show = (name: string, help: string, value: () => number) =>
    observe(registry, `fieldline_gateway_${name}`, help, value);
  show('sessions', 'Clients that are remembered while they are away', () => store.sessionCount);
  show('queued_messages', 'Routed messages that their readers have yet to acknowledge', () => store.queuedMessages);
  show('queued_bytes', 'Bytes of routed messages that their readers have yet to acknowledge', () => store.queuedBytes);
  show('retained_messages', 'Retained messages of clients', () => store.retainedMessages);
  show('retained_bytes', 'Bytes of retained messages of clients', () => store.retainedBytes);
  return () => (store = open());
}
