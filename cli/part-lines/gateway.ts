import { join } from 'node:path';
import { systemClock as clock } from '#core/runtime/clock.js';
import { OpsServer } from '#core/runtime/ops-server.js';
import { createGateway, loadSecret } from '../../gateway/main.js';
import { deviceSecretFile } from '../commands/common.js';
import { askCompleteness } from '../ask-completeness.js';
import { environment } from '../environment.js';
import { processNumber, WorkerOps } from '../processes/worker.js';
import type { PartLine } from './part-line.js';
import { openSharedLog, topicsOf } from './shared-log.js';

export const gatewayLine: PartLine = async (seams) => {
  const { config, logger, registry } = seams;
  const secret = await loadSecret(deviceSecretFile(config), { create: true });
  const log = openSharedLog(seams);
  const place = { host: environment.deviceName(), process: processNumber() };
  const { api } = config.gateway.rollout;
  const completenessOf = api === undefined ? undefined : askCompleteness(api);
  const shared = { log, secret, clock, logger, registry, data: seams.data };
  // One folder for all processes behind the port.
  const releases = { directory: join(config.data, 'gateway', 'releases'), ...config.gateway.releases };
  const gateway = createGateway({ ...config.gateway, releases }, { ...shared, place, completenessOf });
  const ops = { registry, notReady: () => gateway.notReady(), door: gateway.door };
  const isOneOfSeveral = place.process !== undefined;
  return [
    log,
    topicsOf(log),
    gateway,
    isOneOfSeveral ? new WorkerOps(ops) : new OpsServer({ ...config.ops, ...ops, logger }),
  ];
};
