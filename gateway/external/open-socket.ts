import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { FatalError, messageOf, RetryableError } from '#core/runtime/errors.js';
import type { ExternalConfig } from './external-config.js';

const defaultPorts: Readonly<Record<string, number>> = { 'mqtt:': 1883, 'mqtts:': 8883 };

export interface BrokerAddress {
  readonly host: string;
  readonly port: number;
  readonly isTls: boolean;
}

/** Throws FatalError `bad-config`. */
export function brokerAddress(url: string): BrokerAddress {
  try {
    const { protocol, hostname, port } = new URL(url);
    const host = hostname.replace(/^\[|\]$/g, '');
    if (host === '') throw new Error('it names no host');
    return { host, port: Number(port) || defaultPorts[protocol]!, isTls: protocol === 'mqtts:' };
  } catch (cause) {
    throw new FatalError('bad-config', `gateway.external.url is no address: ${url}`, { cause });
  }
}

/** Connects; throws RetryableError `unavailable`, or FatalError `bad-config` for a file that cannot be read. */
export async function openSocket(
  config: Pick<ExternalConfig, 'url' | 'tls'>,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Socket> {
  const { host, port, isTls } = brokerAddress(config.url);
  const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  const tls = isTls ? await tlsFiles(config.tls) : undefined;
  const servername = isIP(host) === 0 ? { servername: host } : {};
  const socket = tls
    ? connectTls({ host, port, ...tls, ...servername, minVersion: 'TLSv1.2' })
    : connectTcp({ host, port, noDelay: true, keepAlive: true });
  // What comes after the handshake is for whoever uses the socket; before it `once` hears it.
  socket.on('error', () => undefined);
  try {
    await once(socket, tls ? 'secureConnect' : 'connect', { signal: limit });
    return socket;
  } catch (cause) {
    socket.destroy();
    const reason = limit.aborted ? `no connection within ${timeoutMs} ms` : messageOf(cause);
    throw new RetryableError('unavailable', `${config.url}: ${reason}`, { cause });
  }
}

async function tlsFiles({ ca, cert, key }: ExternalConfig['tls']) {
  return {
    ...(ca !== undefined && { ca: await readSetting(ca) }),
    ...(cert !== undefined && { cert: await readSetting(cert) }),
    ...(key !== undefined && { key: await readSetting(key) }),
  };
}

/** A file that `gateway.external` names. Throws FatalError `bad-config`. */
export async function readSetting(path: string): Promise<Buffer> {
  return readFile(path).catch((cause: unknown) => {
    throw new FatalError('bad-config', `cannot read ${path} of gateway.external: ${messageOf(cause)}`, { cause });
  });
}
