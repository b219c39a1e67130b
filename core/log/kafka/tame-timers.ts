import { createRequire } from 'node:module';

interface RequestQueue {
  readonly pending: readonly unknown[];
  readonly throttledUntil: number;
  scheduleCheckPendingRequests(): void;
}

const tamed = new WeakSet<RequestQueue>();

/**
 * Ends a busy loop of kafkajs 2.2: each connection looks every millisecond, for ever, whether it may send what waits,
 * by a timer with a negative delay, even where nothing waits (tulios/kafkajs#1751). May be called more than once.
 */
export function tameTimers(): void {
  const load = createRequire(import.meta.url);
  const { prototype } = load('kafkajs/src/network/requestQueue') as { prototype: RequestQueue };
  if (tamed.has(prototype)) return;
  tamed.add(prototype);
  const schedule = prototype.scheduleCheckPendingRequests;
  prototype.scheduleCheckPendingRequests = function (this: RequestQueue) {
    // Whatever comes to wait later asks for this again.
    if (this.pending.length > 0 || this.throttledUntil > Date.now()) schedule.call(this);
  };
}
