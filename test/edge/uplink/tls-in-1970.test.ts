import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Connection } from '../../../edge/uplink/connection.js';
import { openVerifiedStream } from '../../../edge/uplink/open-stream.js';
import type { TimeKnowledge } from '../../../edge/uplink/verify-chain.js';
import { waitFor } from '../../servers/wait-for.js';

const file = (name: string): string =>
  readFileSync(fileURLToPath(new URL(`../../fixtures/tls/chain/${name}.pem`, import.meta.url)), 'latin1');
const [connack, disconnected] = [Buffer.from([0x20, 2, 0, 0]), 0xe0];

/** A gateway that takes every CONNECT, and notes what it is told. */
async function startServer(certificate: string, key = 'server-key') {
  const server = createServer({ cert: file(certificate), key: file(key) });
  const heard: Buffer[] = [];
  server.on('secureConnection', (socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => heard.push(bytes));
    socket.once('data', () => socket.write(connack));
  });
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return { heard: () => Buffer.concat(heard), port: (server.address() as AddressInfo).port };
}

const floor: TimeKnowledge = { timeUs: Date.UTC(2026, 10) * 1000, exact: false };

async function open(port: number, over: { ca?: string; time?: TimeKnowledge | undefined; host?: string } = {}) {
  const { ca = file('authority'), time = floor, host = 'localhost' } = over;
  return Connection.open({
    url: `mqtts://${host}:${port}`,
    ca,
    ...('time' in over ? { time: over.time } : { time }),
    username: 'plant1/press-07',
    password: 'secret-token',
    clientId: 'plant1/press-07',
    keepaliveSeconds: 30,
    connectTimeoutMs: 3000,
    will: { topic: 'fieldline/plant1/press-07/state', payload: Buffer.from('{}') },
    onMessage: () => undefined,
    nowMs: () => performance.now(),
    signal: new AbortController().signal,
  });
}

describe('a device that believes it is 1970', () => {
  // A certificate that begins in 2030 is to this machine what every certificate is to a board in 1970.
  it('is refused by its own system, and connects by the time floor', async () => {
    const server = await startServer('not-yet');
    await expect(open(server.port, { time: undefined })).rejects.toThrow(/not yet valid/);
    expect(server.heard()).toHaveLength(0);
    const connection = await open(server.port);
    expect(server.heard().includes('secret-token')).toBe(true);
    await connection.end();
    await waitFor('a polite end', 2000, () => server.heard().includes(disconnected));
  });

  it('connects over an authority in between, and by address', async () => {
    const server = await startServer('by-intermediate');
    await (await open(server.port)).end();
    await (await open(server.port, { host: '127.0.0.1' })).end();
  });

  it.each([
    ['another authority', 'by-other', /no pinned authority/],
    ['another host', 'wrong-host', /localhost/],
    ['a certificate that expired before the floor', 'expired', /expired at/],
    ['a certificate that signed itself', 'self-signed', /no pinned authority/],
    ['a signer that is no authority', 'by-not-ca', /may not sign/],
    ['a signer without constraints', 'by-pretender', /may not sign/],
    ['a certificate of a client', 'for-clients', /not for servers/],
  ])('refuses %s, and says nothing to it', async (_what, certificate, reason) => {
    const server = await startServer(certificate);
    await expect(open(server.port)).rejects.toMatchObject({
      code: 'unauthorised',
      message: expect.stringMatching(reason),
    });
    expect(server.heard()).toHaveLength(0);
  });

  it('believes a known time more than the floor', async () => {
    const server = await startServer('not-yet');
    const now = { timeUs: Date.UTC(2029, 0) * 1000, exact: true };
    await expect(open(server.port, { time: now })).rejects.toThrow(/not valid before/);
    await (await open(server.port, { time: { ...now, timeUs: Date.UTC(2031, 0) * 1000 } })).end();
  });

  it('gives up a gateway that never shakes hands, and one that is not there', async () => {
    const server = await startServer('good');
    await expect(open(1)).rejects.toMatchObject({ code: 'unavailable' });
    const over = new AbortController();
    over.abort();
    const options = { url: `mqtts://localhost:${server.port}`, ca: file('authority'), time: floor, timeoutMs: 50 };
    await expect(openVerifiedStream({ ...options, signal: over.signal })).rejects.toMatchObject({
      code: 'unavailable',
    });
  });
});
