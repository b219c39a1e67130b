import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startTcpProxy, type TcpProxy, type TcpProxyOptions } from './tcp-proxy.js';
import { waitFor } from './wait-for.js';

let echo: Server;
const proxies: TcpProxy[] = [];

beforeEach(async () => {
  echo = createServer({ allowHalfOpen: true }, (socket) => socket.on('error', () => undefined).pipe(socket));
  echo.listen(0, '127.0.0.1');
  await once(echo, 'listening');
});

afterEach(async () => {
  await Promise.all(proxies.splice(0).map((proxy) => proxy.stop()));
  echo.close();
});

async function proxyToEcho(options: Partial<TcpProxyOptions> = {}): Promise<TcpProxy> {
  const proxy = await startTcpProxy({ target: (echo.address() as AddressInfo).port, ...options });
  proxies.push(proxy);
  return proxy;
}

async function dial(proxy: TcpProxy): Promise<{ socket: Socket; received: () => string }> {
  const socket = connect({ host: '127.0.0.1', port: proxy.port, allowHalfOpen: true });
  const chunks: Buffer[] = [];
  socket.on('error', () => undefined).on('data', (chunk) => chunks.push(chunk));
  // A reset may come so early that it is the connection that fails.
  await new Promise((resolve) => socket.once('connect', resolve).once('close', resolve));
  return { socket, received: () => Buffer.concat(chunks).toString() };
}

/** `once` would reject with the reset that these tests are about. */
const closed = (socket: Socket) => waitFor('the connection to close', 2_000, () => socket.closed);

test('bytes go both ways, and an orderly end arrives after the last of them', async () => {
  const { socket, received } = await dial(await proxyToEcho());
  const big = 'x'.repeat(3_000_000);
  socket.end(big);
  await once(socket, 'end');
  expect(received()).toBe(big);
});

test('cut resets open and new connections until healed', async () => {
  const proxy = await proxyToEcho();
  const open = await dial(proxy);
  await waitFor('the connection to be seen', 2_000, () => proxy.connections === 1);
  proxy.cut();
  await closed(open.socket);
  const refused = await dial(proxy);
  await closed(refused.socket);
  proxy.heal();
  const healed = await dial(proxy);
  healed.socket.write('again');
  await waitFor('the echo', 2_000, () => healed.received() === 'again');
});

test('stall holds bytes back and heal delivers them', async () => {
  const proxy = await proxyToEcho();
  const { socket, received } = await dial(proxy);
  socket.write('a');
  await waitFor('the first echo', 2_000, () => received() === 'a');
  proxy.stall();
  socket.write('b');
  const during = await Promise.race([once(socket, 'data'), new Promise((resolve) => setTimeout(resolve, 200, 'none'))]);
  proxy.heal();
  await waitFor('the held echo', 2_000, () => received() === 'ab');
  expect(during).toBe('none');
});

test('a tap changes, silences and closes', async () => {
  const toServer = (chunk: Buffer) =>
    chunk.toString() === 'bye' ? 'close' : Buffer.from(chunk.toString().toUpperCase());
  const proxy = await proxyToEcho({ tap: () => ({ toServer, toClient: (chunk) => chunk }) });
  const { socket, received } = await dial(proxy);
  socket.write('hello');
  await waitFor('the changed echo', 2_000, () => received() === 'HELLO');
  socket.write('bye');
  await closed(socket);
  expect(received()).toBe('HELLO');
});

test('a dead target closes the connection', async () => {
  const proxy = await proxyToEcho();
  echo.close();
  await once(echo, 'close');
  const { socket } = await dial(proxy);
  await closed(socket);
  expect(proxy.connections).toBe(0);
});
