import type { DeviceId } from '#core/contract/names.js';
import type { Part } from '#core/runtime/lifecycle.js';
import type { SessionHolder } from '../sessions/moves.js';
import type { RefusalReason } from './refusals.js';

/** What every broker tells of itself. */
export interface DeviceBrokerStatus {
  /** Open connections: those of devices, or the one to a broker elsewhere. */
  readonly connections: number;
  /** Publishes taken in and not yet settled, and their bytes. */
  readonly heldMessages: number;
  readonly heldBytes: number;
  /** Connections that are not read from, for want of room to hold more. */
  readonly blockedConnections: number;
  readonly refused: Readonly<Partial<Record<RefusalReason, number>>>;
}

/**
 * Where devices speak: the gateway's own broker, or one elsewhere. It hands each publish of a device to the intake, and
 * acknowledges it when the intake has settled it as stored, and not before; what is settled in another way is not
 * acknowledged, so that whoever holds it sends it again.
 *
 * `start` resolves when messages may come; a broker elsewhere may be away for hours, which holds nobody up. `stop` takes
 * no more messages, and gives those held until the deadline. The publishing methods may be called at once, between both.
 */
export interface DeviceBroker extends Part {
  /** Where devices connect to. Throws RetryableError `stopped` before `start`. */
  address(): { host: string; port: number };

  status(): DeviceBrokerStatus;

  /** A sentence for each reason why devices cannot be heard now. */
  notReady(): readonly string[];

  /**
   * Sends a command, QoS 1; what the device did comes back on `result/<id>`. Throws RetryableError `unavailable` if the
   * device (own broker) or the broker (elsewhere) is not connected, RejectedError `refused` for an id that is no name.
   */
  publishCommand(device: DeviceId, id: string, payload: Uint8Array): Promise<void>;

  /**
   * Says the desired config to the device, retained: now and whenever it connects; an empty payload takes it back.
   * A broker elsewhere is told as soon as it can be, and the promise does not wait for that.
   */
  publishConfig(device: DeviceId, payload: Uint8Array): Promise<void>;

  /** Closes what a device has open here; nothing, where it is connected elsewhere. */
  disconnect(device: DeviceId, reason: RefusalReason, detail: string): void;

  /** The connections that a device has open here; none, where it is connected elsewhere. */
  connectionsOf(device: DeviceId): Iterable<SessionHolder>;

  /** Says something to foreign clients that read this topic; not kept for those that come later. */
  publishReply(topic: string, payload: Uint8Array): Promise<void>;

  /** The same, kept for those that come later, as {@link publishConfig} does. */
  publishRetained(topic: string, payload: Uint8Array): Promise<void>;
}
