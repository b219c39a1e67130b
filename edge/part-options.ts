import type { AgentOptions } from './agent.js';
import type { EdgeConfig } from './config.js';
import { devicePassword } from './password.js';
import { pinnedAuthority } from './pinned-authority.js';
import type { MqttUplinkOptions, UplinkRates } from './uplink/mqtt-uplink.js';

/** What the agent takes from the configuration. */
export function packOptions({ pack }: EdgeConfig) {
  const { delayMs: packDelayMs, maxReadings: packMaxReadings, coding, maxWaitingPoints } = pack;
  return { packDelayMs, packMaxReadings, coding, maxWaitingPoints } satisfies Partial<AgentOptions>;
}

/** What the uplink takes from the configuration. Throws FatalError `bad-config` if a file of it cannot be read. */
export function wireOptions(config: EdgeConfig) {
  const { gateway } = config;
  const to = {
    url: gateway.url,
    password: devicePassword(gateway),
    ...pinnedAuthority(gateway),
  };
  return { ...to, ...uplinkRates(config) } satisfies Partial<MqttUplinkOptions>;
}

/** The part of it that may be another while the uplink runs. */
export function uplinkRates({ uplink }: EdgeConfig): Required<UplinkRates> {
  const { heartbeatMs, backlogPacksPerSecond, maxInFlight: inFlight, keepaliveMs } = uplink;
  return { heartbeatMs, keepaliveSeconds: Math.round(keepaliveMs / 1000), backlogPacksPerSecond, inFlight };
}

/** Whether the gateway is to be asked for the time. */
export function mayTellTime({ gateway, clock }: EdgeConfig): boolean {
  if (clock.gateway !== 'verified') return clock.gateway === 'always';
  return gateway.caFile !== undefined && gateway.url.startsWith('mqtts:');
}
