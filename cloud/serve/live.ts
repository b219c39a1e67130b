import type { ServerResponse } from 'node:http';
import { Counter, type Registry } from 'prom-client';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { z } from 'zod';
import type { Point } from '#core/contract/reading.js';
import type { Clock } from '#core/runtime/clock.js';
import { observe } from '#core/runtime/metrics.js';
import type { Logger } from '#core/runtime/logger.js';
import { queryOf, type Route } from './api-context.js';
import { viewDevice } from './device-view.js';
import type { Fleet } from './fleet.js';
import { servedValue, type FleetDevice, type FleetSeries } from './fleet-device.js';
import type { LedgerCache } from './ledger-cache.js';
import { LiveClient } from './live-client.js';
import { parseParameters, seriesListSchema } from './parameters.js';
import type { Pipeline } from './pipeline.js';
import { Slots } from './slots.js';

export interface LiveOptions {
  readonly fleet: Fleet;
  readonly ledger: LedgerCache;
  readonly pipeline: Pipeline;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly registry: Registry;
  readonly maxClients: number;
  /** A client for which more bytes than this wait, when there is more to send, is dropped. */
  readonly maxClientBytes: number;
}

const parameters = z.object({ series: seriesListSchema });
const flushEveryMs = 200;
const pipelineEvery = 5;
const keepAliveEvery = 75;

/** Hands what happens to the clients of `/api/v1/live` (server-sent events). */
export class Live {
  private readonly clients = new Set<LiveClient>();
  private readonly bySeries = new Map<string, Set<LiveClient>>();
  private readonly changed = new Set<FleetDevice>();
  private readonly slots: Slots;
  private readonly dropped: Counter;
  private stopping = new AbortController();
  private running: Promise<void> | undefined;
  private unlisten: (() => void)[] = [];

  constructor(private readonly options: LiveOptions) {
    const { registry, maxClients } = options;
    this.slots = new Slots('live connections', maxClients);
    observe(registry, 'fieldline_serve_live_clients', 'Clients of the live stream', () => this.clients.size);
    this.dropped = new Counter({
      name: 'fieldline_serve_live_dropped_total',
      help: 'Clients of the live stream that were too slow',
      registers: [registry],
    });
  }

  start(): void {
    this.stopping = new AbortController();
    const { fleet } = this.options;
    this.unlisten = [
      fleet.listen({
        reading: (series, point) => this.reading(series, point),
        device: (device) => this.device(device),
      }),
      fleet.alerts.onAlert((alert) => this.broadcast('alert', JSON.stringify(alert))),
    ];
    this.running = this.run(this.stopping.signal);
  }

  /** Ends every stream; a browser will connect again by itself. */
  async stop(): Promise<void> {
    this.stopping.abort();
    for (const undo of this.unlisten) undo();
    this.unlisten = [];
    await this.running;
    for (const client of this.clients) client.end();
  }

  route(): Route {
    return async (c) => {
      const { series } = parseParameters(parameters, queryOf(c));
      const headers = { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' };
      if (c.req.raw.method === 'HEAD') return new Response(null, { headers });
      const release = this.slots.take();
      const { outgoing } = c.env;
      outgoing.writeHead(200, { ...headers, 'X-Accel-Buffering': 'no' });
      this.admit(outgoing, series, release);
      return RESPONSE_ALREADY_SENT;
    };
  }

  private admit(outgoing: ServerResponse, series: readonly string[], release: () => void): void {
    const client = new LiveClient(outgoing, series, this.options.maxClientBytes, () => this.dropped.inc());
    this.clients.add(client);
    for (const key of client.series) {
      const subscribed = this.bySeries.get(key) ?? new Set();
      this.bySeries.set(key, subscribed.add(client));
    }
    outgoing.once('close', () => {
      release();
      this.remove(client);
    });
    client.open();
  }

  private remove(client: LiveClient): void {
    this.clients.delete(client);
    for (const key of client.series) {
      const subscribed = this.bySeries.get(key);
      subscribed?.delete(client);
      if (subscribed?.size === 0) this.bySeries.delete(key);
    }
  }

  private reading(series: FleetSeries, point: Point): void {
    const clients = this.bySeries.get(series.key);
    if (!clients) return;
    const text = JSON.stringify([series.key, point.timeUs, servedValue(point), point.quality, point.form]);
    for (const client of clients) client.reading(text);
  }

  private device(device: FleetDevice): void {
    if (this.clients.size > 0) this.changed.add(device);
  }

  private broadcast(event: string, data: string): void {
    for (const client of this.clients) client.send(event, data);
  }

  private async run(signal: AbortSignal): Promise<void> {
    for (let turn = 1; ; turn += 1) {
      await this.options.clock.sleep(flushEveryMs, signal);
      if (signal.aborted) return;
      this.flush();
      if (turn % pipelineEvery === 0) void this.tellPipeline();
      if (turn % keepAliveEvery === 0) for (const client of this.clients) client.keepAlive();
    }
  }

  private flush(): void {
    const { fleet, ledger } = this.options;
    for (const device of this.changed) {
      this.broadcast('device', JSON.stringify(viewDevice(device, fleet, ledger.healthy ? ledger.last : undefined)));
    }
    this.changed.clear();
    for (const client of this.clients) client.flush();
  }

  private async tellPipeline(): Promise<void> {
    if (this.clients.size === 0) return;
    const view = await this.options.pipeline.get().catch(() => undefined);
    if (view) this.broadcast('pipeline', JSON.stringify(view));
  }
}
