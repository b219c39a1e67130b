import { systemClock as clock } from '#core/runtime/clock.js';
import { OpsServer } from '#core/runtime/ops-server.js';
import { createGateway, loadSecret } from '../../gateway/main.js';
import { deviceSecretFile } from '../commands/common.js';
import type { PartLine } from './part-line.js';
import { openSharedLog, topicsOf } from './shared-log.js';

export const gatewayLine: PartLine = async (seams) => {
  const { config, logger, registry } = seams;
  const secret = await loadSecret(deviceSecretFile(config), { create: true });
  const log = openSharedLog(seams);
  const gateway = createGateway(config.gateway, { log, secret, clock, logger, registry, data: seams.data });
  const notReady = () => (log.healthy() ? [] : ['The log takes nothing.']);
  return [
    log,
    topicsOf(log),
    gateway,
    new OpsServer({ ...config.ops, registry, notReady, logger, door: gateway.door }),
  ];
};
