import { readFile } from 'node:fs/promises';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import { FatalError, messageOf, systemCode } from '#core/runtime/errors.js';

/** Paths of PEM files. With `ca`, clients must show a certificate that it signed. */
export interface TlsFiles {
  readonly key: string;
  readonly cert: string;
  readonly ca?: string | undefined;
}

export interface ListenerOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly tls?: TlsFiles | undefined;
  readonly maxConnections: number;
  readonly handshakeTimeoutMs: number;
  readonly onConnection: (socket: Socket) => void;
  /** A connection was turned away before it could speak. */
  readonly onTurnedAway: (reason: 'connection-limit' | 'tls', address: string | undefined) => void;
  /** A connection could not be accepted, as when the process has no file descriptors left. */
  readonly onError: (error: Error) => void;
}

const tcpKeepAliveMs = 60_000;

/** Whether only this machine can reach the host. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);
}

/** Listens; throws FatalError `port-in-use`, or `bad-config` for an address or certificate that cannot be used. */
export async function listen(options: ListenerOptions): Promise<Server> {
  const server = await makeServer(options);
  server.maxConnections = options.maxConnections;
  server.on('drop', (data) => options.onTurnedAway('connection-limit', data?.remoteAddress));
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(bindError(error, options)));
    server.listen({ host: options.host, port: options.port }, resolve);
  });
  server.removeAllListeners('error').on('error', options.onError);
  return server;
}

export function addressOf(server: Server): { host: string; port: number } {
  const { address, port } = server.address() as AddressInfo;
  return { host: address, port };
}

async function makeServer(options: ListenerOptions): Promise<Server> {
  const { tls, onConnection, onTurnedAway } = options;
  // A device whose host lost power never says goodbye; TCP finds out even where it asked for no MQTT keepalive.
  const tcp = { noDelay: true, keepAlive: true, keepAliveInitialDelay: tcpKeepAliveMs };
  if (!tls) return createServer(tcp, onConnection);
  const server = await makeTlsServer(tls, { ...tcp, handshakeTimeout: options.handshakeTimeoutMs });
  server.on('secureConnection', onConnection);
  server.on('tlsClientError', (_error, socket) => onTurnedAway('tls', socket.remoteAddress));
  return server;
}

async function makeTlsServer({ key, cert, ca }: TlsFiles, base: TlsOptions) {
  try {
    const files = { key: await readFile(key), cert: await readFile(cert) };
    const clients = ca === undefined ? {} : { ca: await readFile(ca), requestCert: true, rejectUnauthorized: true };
    return createTlsServer({ ...base, ...files, ...clients, minVersion: 'TLSv1.2' });
  } catch (cause) {
    throw new FatalError('bad-config', `The TLS files of the MQTT listener cannot be used: ${messageOf(cause)}`, {
      cause,
    });
  }
}

function bindError(cause: Error, { host, port }: ListenerOptions): FatalError {
  if (systemCode(cause) === 'EADDRINUSE') {
    const what = `The MQTT port ${host}:${port} is in use: another gateway or broker listens there.`;
    return new FatalError('port-in-use', `${what} Stop it, or set gateway.mqtt.port to a free port.`, { cause });
  }
  const next = 'Check gateway.mqtt.host and gateway.mqtt.port.';
  return new FatalError('bad-config', `The gateway cannot listen on ${host}:${port}: ${messageOf(cause)}. ${next}`, {
    cause,
  });
}
