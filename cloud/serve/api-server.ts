import { createServer, type Server } from 'node:http';
import { getRequestListener, type HttpBindings } from '@hono/node-server';
import { Hono } from 'hono';
import type { Registry } from 'prom-client';
import type { DeviceId } from '#core/contract/names.js';
import type { PackMark } from '#core/contract/rollout.js';
import type { EventLog } from '#core/log/log.js';
import type { Clock } from '#core/runtime/clock.js';
import { FatalError, messageOf } from '#core/runtime/errors.js';
import { knock, type HttpDoor } from '#core/runtime/http-door.js';
import { httpClose, httpListen, isLoopbackHost, uploadWithin } from '#core/runtime/http-listen.js';
import type { Part } from '#core/runtime/lifecycle.js';
import type { Logger } from '#core/runtime/logger.js';
import type { StageSnapshot } from '#core/runtime/metrics.js';
import { opsAnswers } from '#core/runtime/ops-answers.js';
import type { LatencySummary } from '../ingest/latency.js';
import { defaultRetention, type Retention, type SeriesStore } from '../store/store.js';
import type { ApiContext, ApiRequest, Route } from './api-context.js';
import { Assets } from './assets.js';
import { completenessSince } from './completeness-since.js';
import type { Fleet } from './fleet.js';
import { guard, hostNames, securityHeaders } from './guard.js';
import { inTime } from './in-time.js';
import { LedgerCache } from './ledger-cache.js';
import { Live } from './live.js';
import { Pipeline, pipelineRoute } from './pipeline.js';
import { ProblemError, problemOf, problemResponse } from './problem.js';
import { routes } from './routes.js';
import { Slots } from './slots.js';

export interface ApiServerOptions {
  readonly host?: string;
  /** 0: any free port. */
  readonly port: number;
  /** Allows a host that other machines reach: the API has no authentication. */
  readonly insecure?: boolean;
  /** Host headers that name this server beside its own, as `name` or `name:port`. */
  readonly allowedHosts?: readonly string[];
  /** The built console; nothing is served at `/` without it. */
  readonly assetsDir?: string;
  readonly store: SeriesStore;
  readonly log: EventLog;
  /** Started and stopped by its owner, before and after this. */
  readonly fleet: Fleet;
  readonly retention?: Retention;
  readonly stages: () => readonly StageSnapshot[];
  readonly latency?: () => LatencySummary | null;
  readonly rollupsRemaining?: () => number | null;
  /** More reasons why the process cannot do its work now, as sentences. */
  readonly notReady?: () => readonly string[];
  readonly registry: Registry;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Requests of another part of the process, as of its gateway. */
  readonly door?: HttpDoor;
  readonly maxLiveClients?: number;
  readonly maxLiveClientBytes?: number;
  readonly maxExports?: number;
}

const maxConnections = 500;

/** The HTTP API and the console: reads only, from the store, the log and the fleet. */
export class ApiServer implements Part {
  private readonly ledger: LedgerCache;
  private readonly api: ApiContext;
  private readonly live: Live;
  private readonly pipeline: Pipeline;
  private readonly assets = new Assets();
  private server: Server | undefined;
  private boundPort = 0;
  private names: ReadonlySet<string> = new Set();

  constructor(private readonly options: ApiServerOptions) {
    const { store, log, fleet, clock, logger, registry, stages } = options;
    const { retention = defaultRetention, latency = () => null, rollupsRemaining = () => null } = options;
    const ledger = (this.ledger = new LedgerCache(store, clock));
    const exports = new Slots('exports', options.maxExports ?? 4);
    const startedMs = clock.monotonicMs();
    const seams = { store, log, fleet, ledger, clock, logger };
    this.api = { ...seams, retention, stages, latency, rollupsRemaining, startedMs, exports };
    this.pipeline = new Pipeline(this.api);
    const limits = { maxClients: options.maxLiveClients ?? 100, maxClientBytes: options.maxLiveClientBytes ?? 1 << 20 };
    this.live = new Live({ fleet, ledger, pipeline: this.pipeline, clock, logger, registry, ...limits });
  }

  /** Known after `start`. */
  get port(): number {
    return this.boundPort;
  }

  /** What `GET /api/v1/completeness` answers. */
  completenessSince(device: DeviceId, since: PackMark): ReturnType<typeof completenessSince> {
    return completenessSince(device, since, this.api);
  }

  /** Throws FatalError `port-in-use`, or `bad-config` for a host that others reach without `insecure`. */
  async start(): Promise<void> {
    if (this.server) return;
    const { host = '127.0.0.1', port, insecure = false, assetsDir, allowedHosts = [] } = this.options;
    if (!insecure && !isLoopbackHost(host)) {
      const sentence = `http.host ${host} lets other machines in, and the API has no authentication: use 127.0.0.1 behind a proxy, or set http.insecure.`;
      throw new FatalError('bad-config', sentence);
    }
    if (assetsDir !== undefined) await this.assets.load(assetsDir);
    const server = this.createServer();
    this.boundPort = await httpListen(server, { host, port }, 'The HTTP API', 'http.port');
    this.names = hostNames(host, this.boundPort, allowedHosts);
    this.live.start();
    this.server = server;
  }

  async stop(deadlineMs: number): Promise<void> {
    const server = this.server;
    this.server = undefined;
    if (!server) return;
    await this.live.stop();
    await httpClose(server, deadlineMs);
  }

  private createServer(): Server {
    const app = this.createApp();
    // The process is not ours alone, so its global Request and Response stay as they are.
    const listener = getRequestListener(app.fetch, {
      overrideGlobalObjects: false,
      errorHandler: (error) =>
        problemResponse(new ProblemError(400, 'bad-parameter', `Not a request: ${messageOf(error)}.`), ''),
    });
    const server = createServer(uploadWithin, (incoming, outgoing) => {
      for (const [name, value] of Object.entries(securityHeaders)) outgoing.setHeader(name, value);
      if (!knock(this.options.door, incoming, outgoing)) void listener(incoming, outgoing);
    });
    server.maxConnections = maxConnections;
    return server;
  }

  private createApp(): Hono<{ Bindings: HttpBindings }> {
    const app = new Hono<{ Bindings: HttpBindings }>();
    app.use(guard(() => this.names));
    for (const [path, route] of Object.entries(this.allRoutes())) app.get(path, route);
    app.notFound((c) => this.assets.answer(c as ApiRequest) ?? notFound(c.req.path));
    app.onError((error, c) => {
      const problem = problemOf(error);
      if (problem.status === 500) {
        this.options.logger.error({ path: c.req.path, error: messageOf(error) }, 'a request failed');
      }
      return problemResponse(problem, c.req.path);
    });
    return app;
  }

  private allRoutes(): Record<string, Route> {
    const all: Record<string, Route> = {
      '/api/v1/pipeline': pipelineRoute(this.pipeline),
      '/api/v1/live': this.live.route(),
    };
    for (const [path, create] of Object.entries(routes)) all[path] = create(this.api);
    for (const [path, answer] of Object.entries(opsAnswers)) {
      all[path] = async () => {
        const { status, type, body } = await answer({
          registry: this.options.registry,
          notReady: () => this.notReady(),
        });
        return new Response(body, { status, headers: { 'Content-Type': type, 'Cache-Control': 'no-store' } });
      };
    }
    return all;
  }

  private async notReady(): Promise<string[]> {
    const { fleet, log, clock, notReady = () => [] } = this.options;
    await inTime(this.ledger.get(), 1000, clock);
    const reasons = [...notReady()];
    if (!fleet.ready()) reasons.push('The announcements of the devices are still being read.');
    if (!log.healthy()) reasons.push('The event log cannot be reached.');
    if (!this.ledger.healthy) reasons.push('The store does not answer.');
    return reasons;
  }
}

function notFound(path: string): Response {
  return problemResponse(new ProblemError(404, 'not-found', `${path} is not here; the API is at /api/v1.`), path);
}
