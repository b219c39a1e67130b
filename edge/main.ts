//  sensors ─► agent (filters, reducer) ─► outbox ─► uplink ══MQTT══► gateway
//                        │                            ▲
//                        └──── catalogue ─────────────┘
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Registry } from 'prom-client';
import type { DeviceId } from '#core/contract/names.js';
import type { Clock } from '#core/runtime/clock.js';
import { FatalError, messageOf } from '#core/runtime/errors.js';
import { startAll, stopAll, type Part } from '#core/runtime/lifecycle.js';
import type { Logger } from '#core/runtime/logger.js';
import type { StageSnapshot } from '#core/runtime/metrics.js';
import { Agent, type AgentStatus, type ScheduledSensor } from './agent.js';
import { CatalogueFile } from './catalogue-file.js';
import type { EdgeConfig, SensorConfig } from './config.js';
import { DeviceCatalogue } from './device-catalogue.js';
import { LevelOutbox } from './outbox/level-outbox.js';
import type { OutboxStatus } from './outbox/outbox.js';
import { PackThinner } from './outbox/pack-thinner.js';
import { ProcessingPlan } from './processing.js';
import { createSensor } from './sensors/registry.js';
import { MqttUplink, type UplinkStatus } from './uplink/mqtt-uplink.js';

export interface EdgeDependencies {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly registry: Registry;
  /** Sensors that no driver of the configuration makes. */
  readonly extraSensors?: readonly ScheduledSensor[];
  /** Yields [0, 1). */
  readonly random?: () => number;
  readonly version?: string;
}

export interface EdgeStatus {
  readonly agent: AgentStatus;
  readonly outbox: OutboxStatus;
  readonly uplink: UplinkStatus;
  /** The conservation counters of the agent and of the outbox. */
  readonly stages: readonly StageSnapshot[];
}

export interface Edge extends Part {
  readonly device: DeviceId;
  status(): EdgeStatus;
}

/** One device: reads its sensors, keeps what they say until the gateway has it. */
export function createEdge(config: EdgeConfig, dependencies: EdgeDependencies): Edge {
  const { clock, registry, extraSensors = [], random = Math.random, version = 'unknown' } = dependencies;
  const { site, device } = config;
  const logger = dependencies.logger.child({ device: `${site}/${device}` });
  const seams = { clock, random, logger, registry };
  const id: DeviceId = { site, device };
  const catalogue = new DeviceCatalogue(
    id,
    new CatalogueFile(join(config.outbox.directory, 'catalogues.json'), logger),
  );
  const thinner = new PackThinner({
    device: id,
    catalogueHash: () => catalogue.current.hash,
    coding: config.pack.coding,
  });
  const directory = join(config.outbox.directory, 'packs');
  const outbox = new LevelOutbox({
    ...config.outbox,
    directory,
    thinner,
    clock,
    logger,
    random: randomBytes,
    registry,
  });
  const uplink = new MqttUplink({
    ...seams,
    device: id,
    url: config.gateway.url,
    password: passwordOf(config),
    outbox,
    catalogue,
    version,
  });
  const plan = new ProcessingPlan(config.channels);
  const own = new Map<string, SensorConfig>(config.sensors.map((sensor) => [sensor.name ?? sensor.driver, sensor]));
  const configured = [...own].map(([name, { driver, intervalMs, timeoutMs, ...options }]): ScheduledSensor => {
    return { name, sensor: createSensor(driver, options, { clock, logger }), intervalMs, timeoutMs };
  });
  const agent = new Agent({
    ...seams,
    device: id,
    outbox,
    catalogue,
    sensors: [...configured, ...extraSensors],
    pipelineFor: (channel, description, sensor) => plan.pipeline(channel, description, own.get(sensor)),
    describe: (channel, description, sensor) => plan.labelled(channel, description, own.get(sensor)),
    packDelayMs: config.pack.delayMs,
    packMaxReadings: config.pack.maxReadings,
    coding: config.pack.coding,
    maxWaitingPoints: config.pack.maxWaitingPoints,
  });
  const parts: Part[] = [{ start: async () => catalogue.load(), stop: async () => undefined }, outbox, uplink, agent];
  return {
    device: id,
    start: () => startAll(parts),
    stop: (deadlineMs) => stopAll(parts, deadlineMs),
    status: () => {
      const [agentStatus, outboxStatus] = [agent.status(), outbox.status()];
      return {
        agent: agentStatus,
        outbox: outboxStatus,
        uplink: uplink.status(),
        stages: [agentStatus, outbox.meter.snapshot()],
      };
    },
  };
}

/** Throws FatalError `bad-config` if the named file cannot be read. */
function passwordOf({ gateway }: EdgeConfig): string | undefined {
  if (gateway.passwordFile === undefined) return gateway.password;
  try {
    return readFileSync(gateway.passwordFile, 'utf8').trim();
  } catch (error) {
    throw new FatalError('bad-config', `edge.gateway.passwordFile: ${messageOf(error)}`, { cause: error });
  }
}
