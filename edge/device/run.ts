import { Registry } from 'prom-client';
import { systemClock } from '#core/runtime/clock.js';
import { startAll, stopAll, type Part } from '#core/runtime/lifecycle.js';
import type { Logger } from '#core/runtime/logger.js';
import { OpsServer } from '#core/runtime/ops-server.js';
import type { EdgeStatus } from '../edge-status.js';
import { createEdge } from '../main.js';
import type { DeviceConfig } from './config.js';
import { environment } from './environment.js';
import { installedRelease } from './installed-release.js';
import { runUntilSignal } from './run-until-signal.js';
import { ServiceNotify } from './service-notify.js';

export interface RunDependencies {
  readonly logger: Logger;
}

/** A write to the outbox that takes so long will never end. */
const stuckMs = 60_000;

/** Runs the agent of this device until it is told to stop, or wants to be started anew. Resolves with the exit code. */
export async function runDevice(config: DeviceConfig, { logger }: RunDependencies): Promise<number> {
  const registry = new Registry();
  const { version, manifest } = installedRelease();
  let restart: (reason: string) => void = () => undefined;
  const until = new Promise<void>((resolve) => {
    restart = (reason) => {
      logger.info({ reason }, 'the agent wants to be started anew');
      resolve();
    };
  });
  const edge = createEdge(config.edge, {
    ...{ clock: systemClock, logger, registry, version, restart },
    // Files of a release carry no time, so that the same sources give the same bytes: it is the manifest that knows.
    machine: { buildTimeUs: manifest?.builtUs },
  });
  const notReady = () => (edge.status().uplink.connected ? [] : ['The gateway is not connected.']);
  const parts: Part[] = [edge];
  if (config.ops) parts.push(new OpsServer({ ...config.ops, registry, notReady, logger }));
  const isAlive = () => edge.status().oldestAppendMs < stuckMs;
  const status = () => statusLine(version, edge.status());
  parts.push(new ServiceNotify({ environment: environment.service(), isAlive, status, clock: systemClock, logger }));
  const all: Part = { start: () => startAll(parts), stop: (deadlineMs) => stopAll(parts, deadlineMs) };
  logger.info({ version, node: process.versions.node, gateway: config.edge.gateway.url }, 'the agent starts');
  return runUntilSignal(all, { logger, until });
}

/** For `systemctl status`. */
function statusLine(version: string, { uplink, outbox, upgrade }: EdgeStatus): string {
  const gateway = uplink.connected ? 'connected' : `not connected${uplink.lastError ? `: ${uplink.lastError}` : ''}`;
  const { progress } = upgrade ?? {};
  const fetching = progress ? `, fetched ${progress.haveBytes} of ${progress.ofBytes} bytes of a release` : '';
  return `${version}, ${gateway}, ${outbox.pendingPacks} packs waiting${fetching}`
    .replaceAll(/\s+/g, ' ')
    .slice(0, 300);
}
