import { parseJson } from '#core/contract/alert.js';
import { birthSchema } from '#core/contract/device-events.js';
import { deviceKey, type DeviceId } from '#core/contract/names.js';
import { messageOf } from '#core/runtime/errors.js';
import type { Logger } from '#core/runtime/logger.js';
import type { DeviceEventRecord } from '../desired/device-events.js';
import type { Decoded } from '../intake/decoded.js';
import type { DeviceMessage } from '../intake/message.js';
import type { NewestBirths } from '../intake/newest-births.js';

/** What a connection is known by among those of its device. */
export interface ConnectionSession {
  readonly id: string;
  /** Whether the log has told its birth: any other birth that it tells after that is of a newer session. */
  isLogged: boolean;
}

/** A connection of a device, here. */
export interface SessionHolder {
  session?: ConnectionSession | undefined;
  refuse(reason: 'moved', detail: string): void;
}

export interface MovesOptions {
  readonly births: NewestBirths;
  readonly connectionsOf: (device: DeviceId) => Iterable<SessionHolder>;
  readonly logger: Logger;
}

const bornSchema = birthSchema.pick({ session: true });

/**
 * A device that connects elsewhere, because its network or a balancer led it there, leaves a connection behind that nobody
 * told of it. The log tells: a birth carries the session, and those of one device stand in one order. Whoever holds an
 * older session of the device closes it, so that a device is heard on one connection only.
 */
export class Moves {
  constructor(private readonly options: MovesOptions) {}

  /** A message came: a birth says which session its connection is. */
  take({ connection }: DeviceMessage, { kind, outbox }: Decoded): void {
    if (kind !== 'birth' || !connection || !outbox || connection.session?.id === outbox.session) return;
    connection.session = { id: outbox.session, isLogged: false };
  }

  /** A record of `device-events`. */
  learn({ device, kind, value, offset }: DeviceEventRecord): void {
    if (kind !== 'birth' || value.byteLength === 0) return;
    try {
      const { session } = parseJson(value, bornSchema, kind);
      if (this.options.births.learn(deviceKey(device), session, offset)) this.closeOlder(device, session);
    } catch (error) {
      this.options.logger.warn({ device: deviceKey(device), kind, error: messageOf(error) }, 'ignored a device event');
    }
  }

  private closeOlder(device: DeviceId, newest: string): void {
    for (const connection of [...this.options.connectionsOf(device)]) {
      const { session } = connection;
      if (session?.id === newest) session.isLogged = true;
      else if (session?.isLogged) connection.refuse('moved', 'the device has a newer session, here or elsewhere');
    }
  }
}
