import type { HttpBindings } from '@hono/node-server';
import type { Context } from 'hono';
import type { EventLog } from '#core/log/log.js';
import type { Clock } from '#core/runtime/clock.js';
import type { Logger } from '#core/runtime/logger.js';
import type { StageSnapshot } from '#core/runtime/metrics.js';
import type { LatencySummary } from '../ingest/latency.js';
import type { Retention, SeriesStore } from '../store/store.js';
import type { Fleet } from './fleet.js';
import type { LedgerCache } from './ledger-cache.js';
import type { Slots } from './slots.js';

/** What the routes answer from. */
export interface ApiContext {
  readonly store: SeriesStore;
  readonly log: EventLog;
  readonly fleet: Fleet;
  readonly ledger: LedgerCache;
  readonly retention: Retention;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The stages that run in this process. */
  readonly stages: () => readonly StageSnapshot[];
  /** Null where no ingest runs in this process, or nothing was stored for a minute. */
  readonly latency: () => LatencySummary | null;
  /** Buckets that wait to be rolled up; null where no roller runs in this process. */
  readonly rollupsRemaining: () => number | null;
  readonly startedMs: number;
  readonly exports: Slots;
}

export type ApiRequest = Context<{ Bindings: HttpBindings }>;

/** Answers GET; an answer to HEAD is the same without its body. */
export type Route = (c: ApiRequest) => Promise<Response>;

export function queryOf(c: ApiRequest): URLSearchParams {
  return new URL(c.req.url).searchParams;
}

export function answerJson(body: unknown): Response {
  return new Response(JSON.stringify(body), {
    headers: { 'Content-Type': 'application/json; charset=utf-8', 'Cache-Control': 'no-store' },
  });
}
