//  sensors ─► agent ─────────────────────────────► outbox ─► uplink ══MQTT══► gateway
//             (schedule, filters, windows, packs)  (disk) ◄─ PUBACK, config, commands
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Registry } from 'prom-client';
import { deviceKey, type DeviceId } from '#core/contract/names.js';
import type { Clock } from '#core/runtime/clock.js';
import { startAll, stopAll, type Part } from '#core/runtime/lifecycle.js';
import type { Logger } from '#core/runtime/logger.js';
import { Agent } from './agent.js';
import { CatalogueFile } from './catalogue-file.js';
import type { EdgeConfig } from './config.js';
import { openDesiredConfig } from './desired-config/open.js';
import { DeviceCatalogue } from './device-catalogue.js';
import { edgeSensors, type EdgeSensor } from './edge-sensors.js';
import { edgeStatus, type EdgeStatus } from './edge-status.js';
import { openIdentity } from './identity/open.js';
import { holdingOutbox } from './clock/holding-outbox.js';
import { openClock, type MachineParts } from './clock/open.js';
import { LevelOutbox } from './outbox/level-outbox.js';
import { PackThinner } from './outbox/pack-thinner.js';
import { randomFraction, type RandomBytes } from './outbox/random-bytes.js';
import { mayTellTime, packOptions, wireOptions } from './part-options.js';
import { openUpgrade } from './upgrade/open.js';
import { OwnData } from './upgrade/own-data.js';
import { openCommands } from './uplink/open-commands.js';
import { MqttUplink } from './uplink/mqtt-uplink.js';

export type { EdgeSensor } from './edge-sensors.js';
export type { EdgeStatus } from './edge-status.js';

export interface EdgeDependencies {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Of this device alone: the metrics have no device label of their own. */
  readonly registry: Registry;
  /** Sensors beside the configured ones; a function gets the clock that they must stamp by. */
  readonly extraSensors?: readonly EdgeSensor[] | ((clock: Clock) => readonly EdgeSensor[]);
  /** Default `randomBytes` of node:crypto. */
  readonly random?: RandomBytes;
  /** What the device says it runs. */
  readonly version?: string;
  /** Ends this process in good order, for a release to be installed. Default: nothing happens. */
  readonly restart?: (reason: string) => void;
  /** What stands in the place of the machine that tells boots and clocks. */
  readonly machine?: MachineParts;
}

export interface Edge extends Part {
  readonly device: DeviceId;
  status(): EdgeStatus;
}

/** One device. Throws FatalError `bad-config` if its password file cannot be read. */
export function createEdge(config: EdgeConfig, dependencies: EdgeDependencies): Edge {
  const {
    extraSensors: extra = [],
    random = randomBytes,
    version = 'unknown',
    registry,
    machine,
    restart = () => undefined,
  } = dependencies;
  const device = { site: config.site, device: config.device };
  const logger = dependencies.logger.child({ device: deviceKey(device) });
  const folder = config.outbox.directory;
  const system = { clock: dependencies.clock, logger, registry };
  const clock = openClock(folder, config.clock, { ...system, ...machine, outbox: () => outbox });
  const seams = { clock, logger, registry };
  const shared = { ...seams, device, random: () => randomFraction(random) };
  const catalogue = new DeviceCatalogue(device, new CatalogueFile(join(folder, 'catalogues.json'), logger));
  const catalogueHash = () => catalogue.use().hash;
  const resolve = clock.resolved.bind(clock);
  const thinner = new PackThinner({ device, catalogueHash, coding: config.pack.coding, resolve });
  const outbox: LevelOutbox = new LevelOutbox({
    ...config.outbox,
    ...seams,
    directory: join(folder, 'packs'),
    random,
    thinner,
  });
  const own = new OwnData(clock);
  const seen = own.watch(outbox);
  const extraSensors = typeof extra === 'function' ? extra(clock) : extra;
  const sensors = edgeSensors(config, extraSensors, seams);
  const agent = new Agent({ ...shared, ...packOptions(config), ...sensors, outbox: seen, catalogue, timeline: clock });
  const desired = openDesiredConfig(config, { ...seams, device, agent, uplink: () => uplink, extraSensors });
  const status = () => edgeStatus(agent, outbox, uplink, desired, clock, upgrade, own);
  // A device that measures nothing has no data: there a birth must do.
  const isProven = () =>
    own.isAcknowledged || (agent.status().sensors.length === 0 && uplink.status().acknowledged > 0);
  const upgrade = openUpgrade(config, { ...shared, isProven, restart });
  const isClockKnown = () => clock.unsyncedBoot === undefined;
  const held = holdingOutbox(seen, clock);
  const commands = openCommands(folder, { clock, logger, outbox: held, agent, status, isClockKnown });
  const uplink = new MqttUplink({
    ...{ ...shared, ...wireOptions(config), version, catalogue, commands, desired, upgrade },
    outbox: held,
    exchange: { clock, mayAsk: mayTellTime(config) },
    certificateTime: () => clock.certificateTime(),
    identity: openIdentity(config, { ...shared, clock }),
  });
  const upgrades = upgrade ? [upgrade] : [];
  return {
    device,
    // The uplink comes last, for its birth names the sensors, and stops after the agent, whose last packs it sends.
    start: () => startAll([catalogue, outbox, clock, desired, ...upgrades, agent, uplink]),
    stop: (deadlineMs) => stopAll([outbox, clock, uplink, agent, ...upgrades, desired], deadlineMs),
    status,
  };
}
