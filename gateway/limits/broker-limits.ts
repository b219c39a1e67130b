import type { HoldLimits } from '../broker/hold-budget.js';

export interface BrokerLimits {
  readonly maxConnections: number;
  readonly maxDeviceConnections: number;
  /** From accepting a connection to its whole CONNECT. */
  readonly connectTimeoutMs: number;
  readonly maxPayloadBytes: number;
  readonly maxDeviceHeldBytes: number;
  readonly maxDeviceHeldMessages: number;
  readonly maxHeldBytes: number;
  readonly connectsPerSecond: number;
  readonly maxWaitingConnects: number;
  readonly deviceMessagesPerSecond: number;
  readonly deviceBytesPerSecond: number;
  /** Written for one connection and not yet taken by its peer. */
  readonly maxUnsentBytes: number;
}

export function holdLimits(limits: BrokerLimits): HoldLimits {
  return {
    maxDeviceBytes: limits.maxDeviceHeldBytes,
    maxDeviceMessages: limits.maxDeviceHeldMessages,
    maxTotalBytes: limits.maxHeldBytes,
    deviceRates: { messagesPerSecond: limits.deviceMessagesPerSecond, bytesPerSecond: limits.deviceBytesPerSecond },
  };
}
