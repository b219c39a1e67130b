import { Registry } from 'prom-client';
import { systemClock } from '#core/runtime/clock.js';
import { startAll, stopAll, type Part } from '#core/runtime/lifecycle.js';
import type { Logger } from '#core/runtime/logger.js';
import { OpsServer } from '#core/runtime/ops-server.js';
import { createEdge } from '../main.js';
import type { DeviceConfig } from './config.js';
import { installedRelease } from './installed-release.js';
import { runUntilSignal } from './run-until-signal.js';

export interface RunDependencies {
  readonly logger: Logger;
}

/** Runs the agent of this device until it is told to stop. Resolves with the exit code. */
export async function runDevice(config: DeviceConfig, { logger }: RunDependencies): Promise<number> {
  const registry = new Registry();
  const { version, manifest } = installedRelease();
  const edge = createEdge(config.edge, {
    ...{ clock: systemClock, logger, registry, version },
    // Files of a release carry no time, so that the same sources give the same bytes: it is the manifest that knows.
    machine: { buildTimeUs: manifest?.builtUs },
  });
  const notReady = () => (edge.status().uplink.connected ? [] : ['The gateway is not connected.']);
  const parts: Part[] = [edge];
  if (config.ops) parts.push(new OpsServer({ ...config.ops, registry, notReady, logger }));
  const all: Part = { start: () => startAll(parts), stop: (deadlineMs) => stopAll(parts, deadlineMs) };
  logger.info({ version, node: process.versions.node, gateway: config.edge.gateway.url }, 'the agent starts');
  return runUntilSignal(all, { logger });
}
