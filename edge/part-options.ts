import type { AgentOptions } from './agent.js';
import type { EdgeConfig } from './config.js';
import { devicePassword } from './password.js';
import type { MqttUplinkOptions } from './uplink/mqtt-uplink.js';

/** What the agent takes from the configuration. */
export function packOptions({ pack }: EdgeConfig) {
  const { delayMs: packDelayMs, maxReadings: packMaxReadings, coding, maxWaitingPoints } = pack;
  return { packDelayMs, packMaxReadings, coding, maxWaitingPoints } satisfies Partial<AgentOptions>;
}

/** What the uplink takes from the configuration. Throws FatalError `bad-config` if the password file cannot be read. */
export function wireOptions({ gateway, uplink }: EdgeConfig) {
  const { heartbeatMs, backlogPacksPerSecond, maxInFlight: inFlight } = uplink;
  const keepaliveSeconds = Math.round(uplink.keepaliveMs / 1000);
  const to = { url: gateway.url, password: devicePassword(gateway) };
  return { ...to, heartbeatMs, keepaliveSeconds, backlogPacksPerSecond, inFlight } satisfies Partial<MqttUplinkOptions>;
}
