import { request as requestHttp } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

export interface TlsProxyOptions {
  readonly key: string;
  readonly cert: string;
  /** The HTTP server behind it. */
  readonly target: string;
  /** Without this word as Authorization nothing passes. */
  readonly authorization: string;
}

/** What stands before an HTTP API that has neither TLS nor authentication; resolves with its address, and ends with the test. */
export async function startTlsProxy({ key, cert, target, authorization }: TlsProxyOptions): Promise<string> {
  const server = createServer({ key, cert }, (incoming, outgoing) => {
    if (incoming.headers.authorization !== authorization) return void outgoing.writeHead(401).end('who is there?');
    const { authorization: _, host: __, ...headers } = incoming.headers;
    const asked = requestHttp(new URL(incoming.url ?? '/', target), { method: incoming.method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    asked.once('error', () => outgoing.destroy());
    incoming.pipe(asked);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
