import type { X509Certificate } from 'node:crypto';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket, type TlsOptions } from 'node:tls';
import type { Clock } from '#core/runtime/clock.js';
import { FatalError, messageOf, systemCode } from '#core/runtime/errors.js';
import type { Logger } from '#core/runtime/logger.js';
import { certificateOwner, type CertificateOwner } from '../identity/certificate-owner.js';
import { principalKey } from './principal.js';
import { endHandshakesOnClose } from './handshakes.js';
import { readTlsFiles, TlsReload, type TlsFiles, type TlsMaterial } from './tls-files.js';

export interface TlsListening extends TlsFiles {
  /** With `ca`: whether a connection must show a certificate, or may. */
  readonly clients?: 'required' | 'accepted';
}

export interface ListenerOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly tls?: TlsListening | undefined;
  readonly maxConnections: number;
  readonly handshakeTimeoutMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /**
   * `certificate`: that of the other side, if it showed one; an authority signed it, and it names somebody. `mayOnlyEnrol`:
   * it showed none where all must.
   */
  readonly onConnection: (socket: Socket, certificate?: CertificateOwner, mayOnlyEnrol?: boolean) => void;
  /** A connection was turned away before it could speak. */
  readonly onTurnedAway: (
    reason: 'connection-limit' | 'tls' | 'certificate',
    address: string | undefined,
    detail: string,
  ) => void;
  /** A connection could not be accepted, as when the process has no file descriptors left. */
  readonly onError: (error: Error) => void;
  /** The gateway's certificate, now and when another takes its place. */
  readonly onCertificate?: (expiresMs: number) => void;
}

const tcpKeepAliveMs = 60_000;
/** All devices of a site come back within a second; the system holds it to its own limit, such as net.core.somaxconn. */
const backlog = 4096;

/** Whether only this machine can reach the host. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);
}

/** Listens; throws FatalError `port-in-use`, or `bad-config` for an address or certificate that cannot be used. */
export async function listen(options: ListenerOptions): Promise<Server> {
  const server = await makeServer(options);
  server.maxConnections = options.maxConnections;
  server.on('drop', (data) => options.onTurnedAway('connection-limit', data?.remoteAddress, 'turned away'));
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(bindError(error, options)));
    server.listen({ host: options.host, port: options.port, backlog }, resolve);
  });
  server.removeAllListeners('error').on('error', options.onError);
  return server;
}

export function addressOf(server: Server): { host: string; port: number } {
  const { address, port } = server.address() as AddressInfo;
  return { host: address, port };
}

async function makeServer(options: ListenerOptions): Promise<Server> {
  const { tls, onConnection } = options;
  // A device whose host lost power never says goodbye; TCP finds out even where it asked for no MQTT keepalive.
  const tcp = { noDelay: true, keepAlive: true, keepAliveInitialDelay: tcpKeepAliveMs };
  return tls ? makeTlsServer(tls, options, tcp) : createServer(tcp, (socket) => onConnection(socket));
}

async function makeTlsServer(tls: TlsListening, options: ListenerOptions, tcp: TlsOptions): Promise<Server> {
  const { handshakeTimeoutMs: handshakeTimeout, onTurnedAway, onCertificate, clock, logger } = options;
  const loaded = await readTlsFiles(tls).catch((cause: unknown) => {
    const message = `The TLS files of the MQTT listener cannot be used: ${messageOf(cause)}`;
    throw new FatalError('bad-config', message, { cause });
  });
  // A certificate is judged after the handshake, where its fault can be told apart, counted and audited.
  const asks = { requestCert: asksFor(tls), rejectUnauthorized: false };
  const server = createTlsServer({ ...tcp, ...loaded.context, ...asks, handshakeTimeout });
  endHandshakesOnClose(server);
  server.on('secureConnection', (socket) => accept(socket, tls, options));
  server.on('tlsClientError', (error, socket) => {
    onTurnedAway('tls', socket.remoteAddress, messageOf(error));
    // After a timeout it would stay open.
    socket.destroy();
  });
  onCertificate?.(loaded.expiresMs);
  const onLoaded = ({ expiresMs }: TlsMaterial) => onCertificate?.(expiresMs);
  const reload = new TlsReload({ server, files: tls, loaded, clock, logger, onLoaded });
  server.once('listening', () => reload.start());
  server.once('close', () => reload.stop());
  return server;
}

function asksFor({ ca, enrolmentCa }: TlsListening): boolean {
  return ca !== undefined || enrolmentCa !== undefined;
}

function accept(socket: TLSSocket, tls: TlsListening, options: ListenerOptions): void {
  const { ca, enrolmentCa, clients = 'required' } = tls;
  const certificate = asksFor(tls) ? socket.getPeerX509Certificate() : undefined;
  const turnAway = (detail: string): void => {
    options.onTurnedAway('certificate', socket.remoteAddress, detail);
    socket.on('error', () => undefined).destroy();
  };
  if (!certificate) {
    const mustHave = ca !== undefined && clients === 'required';
    if (mustHave && enrolmentCa === undefined) return turnAway('no certificate was shown');
    return options.onConnection(socket, undefined, mustHave);
  }
  if (!socket.authorized) return turnAway(faultOf(certificate, String(socket.authorizationError)));
  const owner = certificateOwner(certificate);
  if (typeof owner === 'string') return turnAway(owner);
  options.onConnection(socket, owner);
}

/** In words for whoever reads the log or the audit: a device that lay in a drawer is helped by a new token alone. */
function faultOf(certificate: X509Certificate, error: string): string {
  const owner = certificateOwner(certificate);
  if (error !== 'CERT_HAS_EXPIRED' || typeof owner === 'string') return `the certificate is not good: ${error}`;
  const name = principalKey(owner.principal);
  return `the certificate of ${name} expired at ${certificate.validTo}: fieldline device enrol ${name} makes a token for a new one`;
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
