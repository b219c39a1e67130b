import { RetryableError } from '#core/runtime/errors.js';
import type { StageMeter, StageSnapshot } from '#core/runtime/metrics.js';
import type { Agent, AgentStatus } from './agent.js';
import type { ClockStatus, DeviceClock } from './clock/device-clock.js';
import type { ConfigOutcome } from './desired-config/config-state.js';
import type { Outbox, OutboxStatus } from './outbox/outbox.js';
import type { OwnData } from './upgrade/own-data.js';
import type { Upgrade, UpgradeStatus } from './upgrade/upgrade.js';
import type { MqttUplink, UplinkStatus } from './uplink/mqtt-uplink.js';

export interface EdgeStatus {
  readonly agent: AgentStatus;
  /** Nothing pending while the outbox is not open. */
  readonly outbox: OutboxStatus;
  readonly uplink: UplinkStatus;
  readonly clock: ClockStatus;
  /** What became of the config from afar; undefined if none ever was in force. */
  readonly config: ConfigOutcome | undefined;
  /** Undefined where this device takes no releases. */
  readonly upgrade: UpgradeStatus | undefined;
  /** For how long the oldest write to the outbox has been under way, in milliseconds. */
  readonly oldestAppendMs: number;
  /** The conservation counters of agent and outbox. */
  readonly stages: readonly StageSnapshot[];
}

const notOpen: OutboxStatus = { lastSeq: -1, oldestHeld: 0, pendingPacks: 0, pendingReadings: 0, bytes: 0 };

/** May be called at any time, before the start even. */
export function edgeStatus(
  agent: Agent,
  outbox: Outbox & { readonly meter: StageMeter },
  uplink: MqttUplink,
  desired: { readonly outcome: ConfigOutcome | undefined },
  clock: DeviceClock,
  upgrade: Upgrade | undefined,
  own: OwnData,
): EdgeStatus {
  const { sensors, waitingPoints, outboxFailure, ...stage } = agent.status();
  return {
    agent: { ...stage, sensors, waitingPoints, outboxFailure },
    outbox: statusIfOpen(outbox),
    uplink: uplink.status(),
    clock: clock.status(),
    config: desired.outcome,
    upgrade: upgrade?.status(),
    oldestAppendMs: own.oldestAppendMs,
    stages: [stage, outbox.meter.snapshot()],
  };
}

function statusIfOpen(outbox: Outbox): OutboxStatus {
  try {
    return outbox.status();
  } catch (error) {
    if (error instanceof RetryableError) return notOpen;
    throw error;
  }
}
