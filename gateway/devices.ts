import type { DeviceId } from '#core/contract/names.js';
import type { EventLog } from '#core/log/log.js';
import type { Clock } from '#core/runtime/clock.js';
import type { HttpDoor } from '#core/runtime/http-door.js';
import { joinDoors } from '#core/runtime/http-doors.js';
import type { Part } from '#core/runtime/lifecycle.js';
import type { Logger } from '#core/runtime/logger.js';
import type { AuditSink } from './audit/audit.js';
import type { RefusalReason } from './broker/refusals.js';
import type { AuthMode } from './broker/device-tokens.js';
import { CommandDoor } from './commands/command-door.js';
import { Commands } from './commands/commands.js';
import { ConfigDoor } from './desired/config-door.js';
import { DesiredConfigs } from './desired/desired-configs.js';
import type { DeviceEventRecord } from './desired/device-events.js';
import type { CommandsConfig, DevicesConfig } from './devices-config.js';
import type { Decoded } from './intake/decoded.js';
import type { DeviceMessage } from './intake/message.js';
import { DeviceRegistry } from './registry/device-registry.js';
import { RegistryDoor } from './registry/registry-door.js';
import { replaceCredential } from './registry/replace-credential.js';

export interface DevicesOptions {
  readonly commands: CommandsConfig;
  readonly devices: DevicesConfig;
  readonly log: EventLog;
  readonly audit: AuditSink;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: () => number;
  /** The secret of the operator's token. */
  readonly secret: Uint8Array;
  readonly publishCommand: (device: DeviceId, id: string, payload: Uint8Array) => Promise<void>;
  readonly publishConfig: (device: DeviceId, payload: Uint8Array) => Promise<void>;
  /** When its certificate ends, of a device that has one. */
  readonly certificateEndsUs?: (device: DeviceId) => number | undefined;
  readonly disconnect: (device: DeviceId, reason: RefusalReason, detail: string) => void;
  /** Whether devices must show that they are who they say. */
  readonly auth: AuthMode;
}

/** What operators say of devices and to them: which may speak and under which name, commands, desired configs. */
export interface Devices {
  /** Takes a record of `device-events`. */
  learn(event: DeviceEventRecord): void;
  /** Why a device may not speak although it showed who it is; undefined if it may. */
  refuses(device: DeviceId): RefusalReason | undefined;
  /** What becomes of a decoded message of a device. */
  screen(message: DeviceMessage, decoded: Decoded): Decoded;
  /** Whether somebody adopted the device. */
  has(device: DeviceId): boolean;
  isRetired(device: DeviceId): boolean;
  /** What operators said of it. */
  stateOf(device: DeviceId): 'unknown' | 'adopted' | 'retired';
  /** An operator knows the device: from now on it may speak, unless it was retired. */
  adopt(device: DeviceId): Promise<void>;
  /** A device has subscribed to its commands. */
  reads(device: DeviceId): void;
  readonly door: HttpDoor;
  /** To be started after the broker. */
  readonly parts: readonly Part[];
}

export function createDevices(options: DevicesOptions): Devices {
  const { publishCommand, publishConfig, logger } = options;
  const { unknown, renameDelayMs: namingDelayMs } = options.devices;
  const registry = new DeviceRegistry({ ...options, unknown, namingDelayMs });
  const { keepMs } = options.commands;
  const commands = new Commands({ ...options, publish: publishCommand, names: registry, keepMs });
  const configs = new DesiredConfigs({ logger, publish: publishConfig });
  const replacing =
    options.auth === 'none' ? {} : { replaceCredential: (device: DeviceId) => replaceCredential(device, options) };
  return {
    learn: (event) => {
      registry.learn(event);
      commands.learn(event);
      configs.learn(event);
    },
    refuses: (device) => registry.refuses(device),
    screen: (message, decoded) => {
      if (decoded.kind === 'birth') commands.came(message.topic);
      return registry.screen(message, commands.screen(message, decoded));
    },
    has: (device) => registry.stateOf(device) === 'adopted',
    stateOf: (device) => registry.stateOf(device),
    isRetired: (device) => registry.stateOf(device) === 'retired',
    adopt: async (device) => {
      if (registry.stateOf(device) === 'unknown') await registry.adopt(device, 'operator');
    },
    reads: (device) => commands.reads(device),
    door: joinDoors(
      new CommandDoor({ ...options, commands }),
      new ConfigDoor({ ...options, configs }),
      new RegistryDoor({ ...options, devices: registry, ...replacing }),
    ),
    parts: [commands, configs],
  };
}
