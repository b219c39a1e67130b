import type { Registry } from 'prom-client';
import { logTopics } from '#core/contract/log-topics.js';
import { openLog } from '#core/log/open-log.js';
import { systemClock as clock } from '#core/runtime/clock.js';
import type { DataDirectory } from '#core/runtime/data-directory.js';
import { FatalError } from '#core/runtime/errors.js';
import type { Part } from '#core/runtime/lifecycle.js';
import type { Logger } from '#core/runtime/logger.js';
import { OpsServer } from '#core/runtime/ops-server.js';
import { createIngest, createServe, openStore } from '../cloud/main.js';
import { createEdge } from '../edge/main.js';
import { createGateway, loadSecret } from '../gateway/main.js';
import { deviceSecretFile } from './commands/common.js';
import type { FieldlineConfig } from './config.js';
import { ownEdgeConfig } from './edges.js';
import { environment } from './environment.js';
import { version } from './version.js';

export interface PartSeams {
  readonly config: FieldlineConfig;
  readonly data: DataDirectory;
  readonly logger: Logger;
  readonly registry: Registry;
}

async function edgeParts({ config, logger, registry }: PartSeams): Promise<Part[]> {
  const edge = ownEdgeConfig(config);
  const gateway = { ...edge.gateway, password: edge.gateway.password ?? environment.devicePassword() };
  const agent = createEdge({ ...edge, gateway }, { clock, logger, registry, version });
  const notReady = () => (agent.status().uplink.connected ? [] : ['The gateway is not connected.']);
  return [agent, new OpsServer({ ...config.ops, registry, notReady, logger })];
}

async function gatewayParts({ config, data, logger, registry }: PartSeams): Promise<Part[]> {
  const secret = await loadSecret(deviceSecretFile(config), { create: true });
  const seams = { clock, logger, registry };
  const log = openSharedLog(config, data, seams);
  const gateway = createGateway(config.gateway, { log, secret, ...seams });
  const notReady = () => (log.healthy() ? [] : ['The log takes nothing.']);
  return [log, topicsOf(log), gateway, new OpsServer({ ...config.ops, registry, notReady, logger })];
}

async function ingestParts({ config, data, logger, registry }: PartSeams): Promise<Part[]> {
  const seams = { clock, logger, registry };
  const log = openSharedLog(config, data, seams);
  const store = openStore(config.profile, config.store, { data, influxToken: environment.influxToken(), ...seams });
  const ingest = createIngest(config, { data, log, store, ...seams });
  return [
    log,
    topicsOf(log),
    store,
    ingest,
    new OpsServer({ ...config.ops, registry, notReady: () => ingest.notReady(), logger }),
  ];
}

async function serveParts({ config, data, logger, registry }: PartSeams): Promise<Part[]> {
  const seams = { clock, logger, registry };
  const log = openSharedLog(config, data, seams);
  const store = openStore(config.profile, config.store, { data, influxToken: environment.influxToken(), ...seams });
  return [log, topicsOf(log), store, createServe(config, { log, store, ...seams, stages: () => [] })];
}

/** A log that several processes share. Throws FatalError `bad-config` for one that belongs to a single process. */
function openSharedLog(
  config: FieldlineConfig,
  data: DataDirectory,
  seams: { clock: typeof clock; logger: Logger; registry: Registry },
) {
  if (config.profile === 'embedded') {
    const message =
      'a part alone needs the profile cluster, whose log several processes share: set profile: cluster, or run fieldline up';
    throw new FatalError('bad-config', message);
  }
  return openLog(config.profile, config.log, { data, ...seams });
}

function topicsOf(log: ReturnType<typeof openLog>): Part {
  return { start: () => log.ensureTopics(Object.values(logTopics)), stop: () => Promise.resolve() };
}

/** What each part is made of when it is a process of its own, in the order in which it starts. */
export const partLines = { edge: edgeParts, gateway: gatewayParts, ingest: ingestParts, serve: serveParts };
