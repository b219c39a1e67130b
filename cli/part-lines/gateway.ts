import { systemClock as clock } from '#core/runtime/clock.js';
import { OpsServer } from '#core/runtime/ops-server.js';
import { createGateway, loadSecret } from '../../gateway/main.js';
import { deviceSecretFile } from '../commands/common.js';
import { askCompleteness } from '../ask-completeness.js';
import { environment } from '../environment.js';
import { processNumber, WorkerOps } from '../processes/worker.js';
import type { PartLine } from './part-line.js';
import { openSharedLog, topicsOf } from './shared-log.js';
import { sharedReleases } from './shared-releases.js';

export const gatewayLine: PartLine = async (seams) => {
  const { config, logger, registry } = seams;
  const secret = await loadSecret(deviceSecretFile(config), { create: true });
  const log = openSharedLog(seams);
  const place = { host: environment.deviceName(), process: processNumber() };
  const { api, ...asking } = config.gateway.rollout;
  const completenessOf = api === undefined ? undefined : await askCompleteness({ api, ...asking });
  const shared = { log, secret, clock, logger, registry, data: seams.data };
  const gateway = createGateway(
    { ...config.gateway, releases: sharedReleases(config) },
    { ...shared, place, completenessOf },
  );
  const ops = { registry, notReady: () => gateway.notReady(), door: gateway.door };
  const isOneOfSeveral = place.process !== undefined;
  return [
    log,
    topicsOf(log),
    gateway,
    isOneOfSeveral ? new WorkerOps(ops) : new OpsServer({ ...config.ops, ...ops, logger }),
  ];
};
