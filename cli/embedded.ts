/*
 *  host sensors, simulated building
 *        └─► edge agents ══MQTT══► gateway ──► log ──► ingest ──► store ◄── serve ──► console
 *                                               └──────────────────────────►┘
 *  One process with all parts. Built from the sink back to the source, stopped from the source forward.
 */
import type { Registry } from 'prom-client';
import { logTopics } from '#core/contract/log-topics.js';
import type { EventLog } from '#core/log/log.js';
import { LocalLog } from '#core/log/local-log.js';
import { openLog } from '#core/log/open-log.js';
import type { Clock } from '#core/runtime/clock.js';
import type { DataDirectory } from '#core/runtime/data-directory.js';
import { DiskBudget, type Shedder } from '#core/runtime/disk-budget.js';
import { startAll, stopAll, type Part } from '#core/runtime/lifecycle.js';
import { FatalError } from '#core/runtime/errors.js';
import type { Logger } from '#core/runtime/logger.js';
import { createIngest, createServe, openStore } from '../cloud/main.js';
import { ReportSchedule } from '../cloud/reports/report-schedule.js';
import { createGateway } from '../gateway/main.js';
import type { FieldlineConfig } from './config.js';
import { Edges } from './edges.js';
import { environment } from './environment.js';
import { fetchHourlyReport } from './fetch-hourly-report.js';
import { MergedRegistry } from './merged-registry.js';
import { sumStages } from './sum-stages.js';

export interface LineDependencies {
  readonly data: DataDirectory;
  /** The secret of the device passwords. */
  readonly secret: Uint8Array;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface Line extends Part {
  /** Where the console is; known after `start`. */
  httpUrl(): string;
  mqttUrl(): string;
  /** What is not as it should be, in a few words each. */
  troubles(): string[];
}

/** The whole line in one process, on either profile. Throws FatalError `bad-config` for devices of its own that its gateway would not take. */
export function createLine(config: FieldlineConfig, { data, secret, clock, logger }: LineDependencies): Line {
  checkOwnDevices(config);
  const registry = new MergedRegistry();
  const seams = { clock, logger, registry };
  const log = openLog(config.profile, config.log, { data, ...seams });
  const store = openStore(config.profile, config.store, { data, influxToken: environment.influxToken(), ...seams });
  const ingest = createIngest(config, { data, log, store, ...seams });
  const completenessOf: typeof serve.completenessOf = (...asked) => serve.completenessOf(...asked);
  const gateway = createGateway(config.gateway, { log, secret, data, completenessOf, ...seams });
  const scheme = config.gateway.mqtt.tls ? 'mqtts' : 'mqtt';
  const mqttUrl = () => `${scheme}://127.0.0.1:${gateway.address().port}`;
  const edges = new Edges({ config, data, secret, gatewayUrl: mqttUrl, clock, logger, registry });
  const serve = createServe(config, {
    log,
    store,
    ...seams,
    stages: () => sumStages([...edges.stages(), gateway.status().readings, ingest.status().stage]),
    latency: () => ingest.status().latencyMs,
    rollupsRemaining: () => ingest.rollupsRemaining(),
    notReady: () => ingest.notReady(),
    door: gateway.door,
  });
  const httpUrl = () => `http://127.0.0.1:${serve.port()}`;
  const budget = createBudget(config, [log, store], seams);
  const parts = [
    log,
    topicsOf(log),
    store,
    ingest,
    serve,
    ...reportsOf(config, data, httpUrl, seams),
    gateway,
    budget,
    edges,
  ];
  return {
    start: () => startAll(parts),
    stop: (deadlineMs) => stopAll(parts, deadlineMs),
    httpUrl,
    mqttUrl,
    troubles: () => [
      ...ingest.notReady(),
      ...(log.healthy() ? [] : ['the log takes nothing']),
      ...(budget.status().full ? ['the disk budget is used up'] : []),
    ],
  };
}

function topicsOf(log: EventLog): Part {
  return { start: () => log.ensureTopics(Object.values(logTopics)), stop: () => Promise.resolve() };
}

type Seams = Pick<LineDependencies, 'clock' | 'logger'> & { readonly registry: Registry };

/** The budget counts what lies in the data directory; a log or store elsewhere has limits of its own. */
function createBudget(config: FieldlineConfig, candidates: readonly object[], seams: Seams): DiskBudget {
  const shedders = candidates.filter((candidate): candidate is Shedder => 'shed' in candidate);
  const stoppable = candidates.filter((candidate) => candidate instanceof LocalLog);
  return new DiskBudget({
    ...seams,
    maxBytes: config.storage.maxBytes,
    shedders,
    onFull: (full) => stoppable.forEach((log) => log.setOverBudget(full)),
  });
}

function reportsOf(config: FieldlineConfig, data: DataDirectory, http: () => string, { clock, logger }: Seams): Part[] {
  const { enabled, directory = data.file('reports'), cron, hours } = config.reports;
  if (!enabled) return [];
  const fetch = (range: { fromUs: number; toUs: number }, createdUs: number) =>
    fetchHourlyReport(http(), range, createdUs);
  return [new ReportSchedule({ cron, hours, directory, fetch, clock, logger })];
}

/** Without this they would be turned away at the handshake, for ever. */
function checkOwnDevices({ gateway, edge, simulator }: FieldlineConfig): void {
  const own = [edge.enabled && 'edge', simulator.enabled && 'simulator'].filter((name) => name !== false);
  if (!gateway.mqtt.tls || own.length === 0) return;
  const settings = own.map((name) => `${name}.enabled: false`).join(' and ');
  throw new FatalError(
    'bad-config',
    `gateway.mqtt.tls is set, and the devices of this process speak without TLS: set ${settings}, and run fieldline edge run beside it`,
  );
}
