import { z } from 'zod';
import type { StageSnapshot } from '#core/runtime/metrics.js';
import { ingestGroup, ingestTopics } from '../ingest/ingest.js';
import type { LatencySummary } from '../ingest/latency.js';
import { answerJson, queryOf, type ApiContext, type Route } from './api-context.js';
import { presentLedger } from './devices-route.js';
import { inTime } from './in-time.js';
import { parseParameters } from './parameters.js';

/** The state of the whole line, as far as this process sees it. */
export interface PipelineView {
  readonly timeUs: number;
  readonly uptimeMs: number;
  readonly readingsPerSecond: number;
  readonly latencyMs: LatencySummary | null;
  readonly devicesOnline: number;
  readonly devicesTotal: number;
  /** Packs that wait in the outboxes of the devices online. */
  readonly outboxPending: number;
  readonly stages: readonly StageSnapshot[];
  /** `lag.ingest`: records not yet stored; null while the log cannot tell. */
  readonly log: { readonly lag: { readonly ingest: number | null }; readonly healthy: boolean };
  readonly store: { readonly healthy: boolean };
  /** Null where no roller runs in this process. */
  readonly rollups: { readonly remaining: number | null };
}

const parameters = z.object({});
const maxAgeMs = 900;
const maxWaitMs = 2000;

/** Computes the view at most once a second, however many ask. */
export class Pipeline {
  private view: { atMs: number; view: Promise<PipelineView> } | undefined;

  constructor(private readonly api: ApiContext) {}

  get(): Promise<PipelineView> {
    const nowMs = this.api.clock.monotonicMs();
    if (!this.view || nowMs - this.view.atMs > maxAgeMs) this.view = { atMs: nowMs, view: this.compute() };
    return this.view.view;
  }

  private async compute(): Promise<PipelineView> {
    const { api } = this;
    const [ingest] = await Promise.all([
      inTime(api.log.lag(ingestGroup, ingestTopics), maxWaitMs, api.clock),
      inTime(presentLedger(api), maxWaitMs, api.clock),
    ]);
    const devices = api.fleet.devices().map((device) => ({ device, online: api.fleet.online(device) }));
    const online = devices.filter((entry) => entry.online);
    return {
      timeUs: api.clock.nowUs(),
      uptimeMs: Math.round(api.clock.monotonicMs() - api.startedMs),
      readingsPerSecond: api.fleet.readingsPerSecond(),
      latencyMs: api.latency(),
      devicesOnline: online.length,
      devicesTotal: devices.length,
      outboxPending: online.reduce((sum, { device }) => sum + (device.outbox()?.pending ?? 0), 0),
      stages: api.stages(),
      log: { lag: { ingest }, healthy: api.log.healthy() },
      store: { healthy: api.ledger.healthy },
      rollups: { remaining: api.rollupsRemaining() },
    };
  }
}

/** `GET /api/v1/pipeline` */
export function pipelineRoute(pipeline: Pipeline): Route {
  return async (c) => {
    parseParameters(parameters, queryOf(c));
    return answerJson(await pipeline.get());
  };
}
