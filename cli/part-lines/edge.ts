import { systemClock as clock } from '#core/runtime/clock.js';
import { OpsServer } from '#core/runtime/ops-server.js';
import { createEdge } from '../../edge/main.js';
import { environment } from '../environment.js';
import { ownEdgeConfig } from '../own-edge-config.js';
import { version } from '../version.js';
import type { PartLine } from './part-line.js';

export const edgeLine: PartLine = async ({ config, logger, registry }) => {
  const edge = ownEdgeConfig(config);
  const gateway = { ...edge.gateway, password: edge.gateway.password ?? environment.devicePassword() };
  const agent = createEdge({ ...edge, gateway }, { clock, logger, registry, version });
  const notReady = () => (agent.status().uplink.connected ? [] : ['The gateway is not connected.']);
  return [agent, new OpsServer({ ...config.ops, registry, notReady, logger })];
};
