import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { FatalError, messageOf, systemCode } from './errors.js';

export interface HttpAddress {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
}

/**
 * How long a request may take to come in, where a door may take a part of a release: Node's five minutes are too short for 30 MB
 * over a slow line. That it moves is for the door to see.
 */
export const uploadWithin = { requestTimeout: 3_600_000 } as const;

/**
 * Binds, and resolves with the port. Throws FatalError `port-in-use`, or `bad-config` for an address that is not ours;
 * `what` names the server and `setting` where its address is configured.
 */
export async function httpListen(server: Server, address: HttpAddress, what: string, setting: string): Promise<number> {
  const { host, port } = address;
  await new Promise<void>((resolve, reject) => {
    const failed = (cause: Error): void => reject(bindError(cause, address, what, setting));
    server.once('error', failed);
    server.listen({ host, port }, () => {
      server.off('error', failed);
      resolve();
    });
  });
  return (server.address() as AddressInfo).port;
}

/** Takes no more requests, gives those in work until `deadlineMs`, then cuts their connections. */
export async function httpClose(server: Server, deadlineMs: number): Promise<void> {
  if (!server.listening) return;
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const cut = setTimeout(() => server.closeAllConnections(), deadlineMs);
  await closed;
  clearTimeout(cut);
}

/** Whether only this machine can reach the host. */
export function isLoopbackHost(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}

function bindError(cause: Error, { host, port }: HttpAddress, what: string, setting: string): FatalError {
  if (systemCode(cause) === 'EADDRINUSE') {
    const sentence = `${what} cannot use port ${port} on ${host}, another program listens there: stop it, or set ${setting}.`;
    return new FatalError('port-in-use', sentence, { cause });
  }
  return new FatalError(
    'bad-config',
    `${what} cannot listen on ${host}:${port}: ${messageOf(cause)}; see ${setting}.`,
    {
      cause,
    },
  );
}
