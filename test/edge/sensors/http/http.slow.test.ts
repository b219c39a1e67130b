import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { systemClock } from '../../../../core/runtime/clock.js';
import { silentLogger } from '../../../../core/runtime/logger.js';
import { httpDriver } from '../../../../edge/sensors/http/driver.js';
import type { HttpSensor } from '../../../../edge/sensors/http.js';
import { sensorFailureSuite, sensorSuite, type BreakableSensor } from '../../../contracts/sensor-suite.js';
import { freePort } from '../../../servers/free-port.js';
import { waitFor } from '../../../servers/wait-for.js';

const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

/** What a Shelly 1PM says at /status, cut down. */
const shelly = {
  wifi_sta: { connected: true, rssi: -61 },
  relays: [{ ison: true, has_timer: false }],
  meters: [{ power: 61.27, is_valid: true, total: 211_913 }],
  temperature: '40.2',
  uptime: 348_112,
};

const power = { name: 'power', quantity: 'power', unit: 'W', path: 'meters[0].power' };
const total = { name: 'total', quantity: 'energy', unit: 'Wh', path: 'meters[0].total', scale: 1 / 60 };
const relay = { name: 'relay', quantity: 'switch', unit: '/', path: 'relays[0].ison', type: 'boolean' };
const temp = { name: 'temp', quantity: 'temperature', unit: 'Cel', path: 'temperature' };

async function serve(listener: RequestListener, port?: number): Promise<{ url: string; port: number; server: Server }> {
  const server = createServer(listener);
  const at = port ?? (await freePort());
  server.listen(at, '127.0.0.1');
  await once(server, 'listening');
  cleanUps.push(() => close(server));
  return { url: `http://127.0.0.1:${at}/status`, port: at, server };
}

async function close(server: Server): Promise<void> {
  if (!server.listening) return;
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}

function sensorOf(url: string, options: object = {}): HttpSensor {
  const given = { url, channels: [power, total, relay, temp], ...options };
  const parsed = z.strictObject(httpDriver.shape).parse(given);
  const sensor = httpDriver.create(parsed, { clock: systemClock, logger: silentLogger });
  cleanUps.push(() => sensor.stop());
  return sensor;
}

async function started(listener: RequestListener, options: object = {}): Promise<HttpSensor> {
  const sensor = sensorOf((await serve(listener)).url, options);
  await sensor.start();
  return sensor;
}

async function values(sensor: HttpSensor): Promise<Record<string, unknown>> {
  const readings = await sensor.read();
  return Object.fromEntries(
    readings.map(({ sensor: name, value, quality }) => [
      name,
      quality === 'good' ? value : `${quality} ${String(value)}`,
    ]),
  );
}

const json =
  (value: unknown): RequestListener =>
  (_, response) =>
    void response.end(JSON.stringify(value));

async function breakable(): Promise<BreakableSensor> {
  let said: object = shelly;
  const answer: RequestListener = (_, response) => void response.end(JSON.stringify(said));
  let { server, port, url } = await serve(answer);
  return {
    sensor: sensorOf(url),
    breakChannel: () => {
      said = { ...shelly, temperature: null };
      return Promise.resolve('temp');
    },
    setPresent: async (present) => {
      if (present) ({ server, port, url } = await serve(answer, port));
      else await close(server);
    },
  };
}
sensorSuite('http', breakable);
sensorFailureSuite('http', breakable);

describe('an HTTP answer', () => {
  it('in JSON has several channels', async () => {
    const sensor = await started(json(shelly));
    expect(await values(sensor)).toEqual({ power: 61.27, total: 211_913 / 60, relay: true, temp: 40.2 });
  });

  it('in text is searched', async () => {
    const text = '# HELP load\nnode_load1 0.52\nfan: on\n';
    const sensor = await started((_, response) => void response.end(text), {
      channels: [
        { name: 'load', quantity: 'load', unit: '/', regex: '^node_load1 (\\S+)$', scale: 100 },
        { name: 'fan', quantity: 'switch', unit: '/', regex: '(?<=fan: )\\w+', type: 'boolean' },
        { name: 'none', quantity: 'load', unit: '/', regex: 'node_load5 (.*)' },
      ],
    });
    expect(await values(sensor)).toEqual({ load: 52, fan: true });
  });

  it('without a channel has its last known value as bad, once', async () => {
    let said: unknown = shelly;
    const sensor = await started((_, response) => void response.end(JSON.stringify(said)));
    await sensor.read();
    said = { ...shelly, meters: [], temperature: 'hot' };
    expect(await values(sensor)).toEqual({
      power: 'bad 61.27',
      total: `bad ${211_913 / 60}`,
      relay: true,
      temp: 'bad 40.2',
    });
    expect(await values(sensor)).toEqual({ relay: true });
    said = { ...shelly, meters: [] };
    expect(await values(sensor)).toEqual({ relay: true, temp: 40.2 });
  });
});

describe('an HTTP source fails', () => {
  const flood = (response: ServerResponse) => {
    const chunk = Buffer.alloc(65_536, 0x20);
    const more = () => {
      while (!response.destroyed && response.write(chunk));
      if (!response.destroyed) response.once('drain', more);
    };
    more();
  };

  it.each<[string, string, string, (response: ServerResponse) => unknown, object?]>([
    ['with a 500', 'unavailable', 'status 500', (r) => r.writeHead(500).end(JSON.stringify(shelly))],
    ['with a 429', 'unavailable', 'status 429', (r) => r.writeHead(429).end()],
    ['with a 404', 'refused', 'status 404', (r) => r.writeHead(404).end('not here')],
    ['with a 401', 'unauthorised', 'status 401', (r) => r.writeHead(401).end()],
    ['with a 304', 'refused', 'status 304', (r) => r.writeHead(304).end()],
    ['with no JSON', 'bad-data-format', 'not JSON', (r) => r.end('<html>Log in</html>')],
    ['with other JSON', 'bad-data-format', 'none of the channels', (r) => r.end('{"error":"busy"}')],
    ['with nothing', 'bad-data-format', 'not JSON', (r) => r.end()],
    ['before the headers', 'unavailable', '', (r) => r.destroy()],
    [
      'amid the body',
      'unavailable',
      '',
      (r) => r.writeHead(200, { 'content-length': 5000 }).write('{"meters":', () => r.destroy()),
    ],
    [
      'with a body that says it is huge',
      'too-large',
      '1000 bytes',
      (r) => r.writeHead(200, { 'content-length': 5e9 }).write('{'),
      { maxBytes: 1000 },
    ],
    ['with a body without end', 'too-large', '1000000 bytes', flood, { maxBytes: 1_000_000 }],
    ['without an answer in time', 'timeout', 'within 150 ms', () => undefined, { requestTimeoutMs: 150 }],
    ['with a body that stops', 'timeout', 'within 150 ms', (r) => r.write('{"meters":'), { requestTimeoutMs: 150 }],
  ])('%s, and is well again', async (_, code, message, answer, options = {}) => {
    let isBroken = true;
    const sensor = await started((_request, response) => {
      if (isBroken) answer(response);
      else response.end(JSON.stringify(shelly));
    }, options);
    const failure = { name: 'RetryableError', code, message: expect.stringContaining(message) as string };
    await expect(sensor.read()).rejects.toMatchObject(failure);
    isBroken = false;
    const well = await waitFor('an answer in time', 5000, () => values(sensor));
    expect(well).toMatchObject({ power: 61.27 });
  });

  it('when nobody vouches for its certificate', async () => {
    const pem = (name: string) => readFileSync(new URL(`../../../fixtures/tls/gateway-${name}.pem`, import.meta.url));
    const server = createTlsServer({ key: pem('key'), cert: pem('cert') }, json(shelly));
    const port = await freePort();
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    cleanUps.push(() => close(server));
    const sensor = sensorOf(`https://127.0.0.1:${port}/status`);
    await sensor.start();
    const failure = { code: 'unavailable', message: expect.stringContaining('certificate') as string };
    await expect(sensor.read()).rejects.toMatchObject(failure);
  });

  it('at stop, while it is asked', async () => {
    let asked = () => {};
    const isAsked = new Promise<void>((resolve) => (asked = resolve));
    const sensor = await started(() => asked());
    const read = expect(sensor.read()).rejects.toMatchObject({ code: 'stopped' });
    await isAsked;
    await sensor.stop();
    await read;
  });
});

describe('headers and redirects', () => {
  const seen: IncomingMessage[] = [];
  afterEach(() => void seen.splice(0));

  const target: RequestListener = (request, response) => {
    seen.push(request);
    response.end(JSON.stringify(shelly));
  };
  const redirect =
    (location: string, status = 302): RequestListener =>
    (request, response) => {
      if (request.url === '/status') response.writeHead(status, { location }).end('elsewhere');
      else target(request, response);
    };

  async function secretFile(text: string): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'fieldline-http-'));
    cleanUps.push(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, 'token'), text);
    return join(folder, 'token');
  }

  it('a secret comes from a file, which is read again at each start', async () => {
    const path = await secretFile('Bearer one\n');
    const sensor = await started(target, { headers: { 'x-room': 'lab' }, headerFiles: { Authorization: path } });
    await sensor.read();
    await writeFile(path, 'Bearer two');
    await sensor.start();
    await sensor.read();
    expect(seen.map(({ headers }) => [headers.authorization, headers['x-room']])).toEqual([
      ['Bearer one', 'lab'],
      ['Bearer two', 'lab'],
    ]);
  });

  it.each([
    ['a missing file', 'nowhere', 'cannot read'],
    ['a value that is none', 'line\nbreak', 'a header has a value that is none'],
  ])('%s is a fault of the configuration, and is not repeated', async (_, text, message) => {
    const path = text === 'nowhere' ? '/nowhere' : await secretFile(text);
    const sensor = sensorOf('http://127.0.0.1:9/', { headerFiles: { Authorization: path } });
    const failure = await sensor.start().catch((error: unknown) => error);
    expect(failure).toMatchObject({ name: 'FatalError', code: 'bad-config' });
    expect((failure as Error).message).toContain(message);
    expect((failure as Error).message).not.toContain('break');
  });

  it('a POST has its body', async () => {
    const sensor = await started(
      (request, response) =>
        void request.setEncoding('utf8').on('data', (said: string) => response.end(`{"temperature":${said}}`)),
      { method: 'POST', body: '7', channels: [temp] },
    );
    expect(await values(sensor)).toEqual({ temp: 7 });
  });

  it('a redirect within the host takes the headers along', async () => {
    const sensor = await started(redirect('/moved'), { headers: { authorization: 'Bearer x' } });
    expect(await values(sensor)).toMatchObject({ power: 61.27 });
    expect(seen.map(({ url, headers }) => [url, headers.authorization])).toEqual([['/moved', 'Bearer x']]);
  });

  it('a redirect to another host is followed only without headers and body', async () => {
    const other = (await serve(target)).url;
    const plain = await started(redirect(other));
    expect(await values(plain)).toMatchObject({ power: 61.27 });
    const secret = await started(redirect(other), { headerFiles: { 'x-key': await secretFile('hidden') } });
    await expect(secret.read()).rejects.toMatchObject({ code: 'refused' });
    const posted = await started(redirect(other, 307), { method: 'POST', body: 'hidden' });
    await expect(posted.read()).rejects.toMatchObject({ code: 'refused' });
    expect(seen.length).toBe(1);
  });

  it.each(['/status', 'ftp://127.0.0.1/status', 'http://['])('a redirect to %s comes to an end', async (location) => {
    const sensor = await started(redirect(location));
    await expect(sensor.read()).rejects.toMatchObject({ name: 'RetryableError', code: 'refused' });
  });

  it('an error does not repeat the query, which may hold a key', async () => {
    const { url } = await serve((_, response) => void response.writeHead(500).end());
    const sensor = sensorOf(`${url}?key=hidden`);
    await sensor.start();
    const failure = await sensor.read().catch((error: unknown) => error as Error);
    expect((failure as Error).message).not.toContain('hidden');
  });
});

it.each([
  ['a user in the address', { url: 'http://me:secret@127.0.0.1/' }],
  ['no web address', { url: 'ftp://127.0.0.1/' }],
  ['a header with a space', { headers: { 'x y': 'z' } }],
  ['a channel without a place', { channels: [{ ...power, path: undefined }] }],
  ['a channel with two', { channels: [{ ...power, regex: 'x' }] }],
  ['a broken expression', { channels: [{ ...power, path: undefined, regex: '(' }] }],
])('refuses %s', (_, options) => {
  const given = { url: 'http://127.0.0.1/', channels: [power], ...options };
  expect(z.strictObject(httpDriver.shape).safeParse(given).success).toBe(false);
});
