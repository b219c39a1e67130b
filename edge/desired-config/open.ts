import { readFileSync } from 'node:fs';
import type { KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { publicConfigKey } from '#core/contract/desired-config.js';
import type { DeviceId } from '#core/contract/names.js';
import { FatalError, messageOf } from '#core/runtime/errors.js';
import type { Logger } from '#core/runtime/logger.js';
import type { Agent } from '../agent.js';
import type { DeviceClock } from '../clock/device-clock.js';
import type { EdgeConfig } from '../config.js';
import { edgeSensors, type EdgeSensor } from '../edge-sensors.js';
import { JsonFile } from '../json-file.js';
import { packOptions, uplinkRates } from '../part-options.js';
import type { MqttUplink } from '../uplink/mqtt-uplink.js';
import { configStateSchema } from './config-state.js';
import { DesiredConfig } from './desired-config.js';

export interface DesiredConfigParts {
  readonly device: DeviceId;
  readonly agent: Agent;
  /** Asked when there is something to configure. */
  readonly uplink: () => MqttUplink;
  readonly extraSensors: readonly EdgeSensor[];
  readonly clock: DeviceClock;
  readonly logger: Logger;
}

/** For the old sensors to stop. */
const replaceMs = 10_000;

/** The desired config of a device, over its agent and uplink. Throws FatalError `bad-config` for a key that is none. */
export function openDesiredConfig(local: EdgeConfig, parts: DesiredConfigParts): DesiredConfig {
  const { device, agent, uplink, extraSensors, clock, logger } = parts;
  return new DesiredConfig({
    device,
    local,
    publicKey: publicKeyOf(local.config),
    file: new JsonFile(join(local.outbox.directory, 'desired-config.json'), configStateSchema, logger),
    probationMs: local.config.probationMs,
    prepare: (config) => {
      const setup = { ...packOptions(config), ...edgeSensors(config, extraSensors, parts) };
      return async () => {
        clock.holdMs = config.clock.holdMs;
        await agent.replace(setup, replaceMs);
        await uplink().configure(uplinkRates(config));
      };
    },
    flow: () => agent.flow(),
    acknowledged: () => uplink().status().acknowledged,
    clock,
    logger,
  });
}

function publicKeyOf({ publicKey, publicKeyFile }: EdgeConfig['config']): KeyObject | undefined {
  if (publicKey === undefined && publicKeyFile === undefined) return undefined;
  try {
    return publicConfigKey(publicKey ?? readFileSync(publicKeyFile!, 'utf8'));
  } catch (cause) {
    const setting = publicKey === undefined ? 'publicKeyFile' : 'publicKey';
    throw new FatalError('bad-config', `edge.config.${setting}: ${messageOf(cause)}`, { cause });
  }
}
