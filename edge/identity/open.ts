import { deviceKey, type DeviceId } from '#core/contract/names.js';
import { parseMqttTopic } from '#core/contract/mqtt-topics.js';
import type { Clock } from '#core/runtime/clock.js';
import type { Logger } from '#core/runtime/logger.js';
import type { DeviceClock } from '../clock/device-clock.js';
import { clientCertificate } from '../client-certificate.js';
import type { EdgeConfig } from '../config.js';
import { pinnedAuthority } from '../pinned-authority.js';
import { Connection } from '../uplink/connection.js';
import { DeviceIdentity, type EnrolmentConnection, type RenewalSchedule } from './device-identity.js';
import { IdentityFiles } from './identity-files.js';

export interface OpenIdentityOptions {
  readonly device: DeviceId;
  readonly clock: Clock & Pick<DeviceClock, 'certificateTime' | 'unsyncedBoot'>;
  readonly logger: Logger;
  /** Yields [0, 1). */
  readonly random: () => number;
  readonly schedule?: RenewalSchedule;
}

const connectTimeoutMs = 10_000;
const keepaliveSeconds = 30;

/**
 * The identity of a device that has a certificate or is to get one; undefined for one with a password alone. Throws
 * FatalError `bad-config` if there should be a certificate and is none.
 */
export function openIdentity({ gateway }: EdgeConfig, options: OpenIdentityOptions): DeviceIdentity | undefined {
  const { certFile, keyFile, enrolTokenFile: tokenFile, password, passwordFile, renew = true } = gateway;
  if (certFile === undefined || keyFile === undefined) return undefined;
  // Without a token there is nothing to wait for.
  if (tokenFile === undefined) clientCertificate(gateway);
  const { clock } = options;
  return new DeviceIdentity({
    ...options,
    files: new IdentityFiles({ certFile, keyFile, tokenFile }),
    connect: enrolmentConnector(gateway, options),
    isTimeKnown: () => clock.unsyncedBoot === undefined,
    renews: renew,
    hasPassword: password !== undefined || passwordFile !== undefined,
  });
}

/** Opens connections that show an enrolment token: to the gateway that is verified as always, and with no will. */
function enrolmentConnector(gateway: EdgeConfig['gateway'], options: OpenIdentityOptions) {
  const { device, clock, random } = options;
  return async (token: string, signal: AbortSignal): Promise<EnrolmentConnection> => {
    const ended = new AbortController();
    const connection = await Connection.open({
      url: gateway.url,
      username: deviceKey(device),
      password: token,
      ...pinnedAuthority(gateway),
      time: clock.certificateTime(),
      clientId: `enrol-${Math.floor(random() * 2 ** 32).toString(16)}`,
      ...{ keepaliveSeconds, connectTimeoutMs },
      onMessage: (topic, payload) => {
        if (parseMqttTopic(topic)?.kind === 'enrolled') session.onAnswer?.(payload);
      },
      nowMs: () => clock.monotonicMs(),
      signal,
    });
    void connection.closed.then(() => ended.abort());
    const session: EnrolmentConnection = {
      subscribe: (filter) => connection.subscribe(filter),
      publish: (topic, payload) => connection.publish(topic, payload),
      onAnswer: undefined,
      signal: ended.signal,
      end: () => connection.end(),
    };
    return session;
  };
}
