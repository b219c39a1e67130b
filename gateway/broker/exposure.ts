import { FatalError } from '#core/runtime/errors.js';
import type { Logger } from '#core/runtime/logger.js';
import type { AuthMode } from './device-tokens.js';
import { isLoopback } from './listener.js';

export interface Exposure {
  readonly host: string;
  readonly port: number;
  readonly hasTls: boolean;
  readonly auth: AuthMode;
  /** Whether connections without a user name are let in. */
  readonly anonymous: boolean;
  readonly insecure: boolean;
}

/**
 * Nothing is open beyond this machine without TLS and authentication, unless the configuration says `insecure`; that is
 * said in the log at every start. Throws FatalError `bad-config`.
 */
export function checkExposure(exposure: Exposure, logger: Logger): void {
  const { host, port, hasTls, auth, anonymous, insecure } = exposure;
  const weak = [...(hasTls ? [] : ['without TLS']), ...(auth === 'token' ? [] : ['without passwords'])].join(' and ');
  if (anonymous && auth !== 'none') {
    throw new FatalError('bad-config', 'gateway.mqtt.anonymous lets everybody in: it takes gateway.mqtt.auth: none.');
  }
  const exposed = !isLoopback(host) && weak !== '';
  if (exposed && !insecure) {
    const next = 'Set gateway.mqtt.tls and auth: token, or gateway.mqtt.insecure: true if this network may do so.';
    throw new FatalError('bad-config', `MQTT on ${host}:${port} would be open to others ${weak}. ${next}`);
  }
  if (exposed || auth === 'none') logger.warn({ host, port, insecure }, `MQTT is served ${weak}`);
  else if (insecure) logger.warn({ host, port, insecure }, 'gateway.mqtt.insecure is set, and would allow more');
}
