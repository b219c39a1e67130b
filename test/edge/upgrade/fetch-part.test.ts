import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { systemClock } from '#core/runtime/clock.js';
import { fetchPart, partialOf, type FetchPartOptions } from '../../../edge/upgrade/fetch-part.js';
import { CertificateMaker } from '../../gateway/identity/certificate-maker.js';
import { tempDir } from '../../support/temp-dir.js';

const content = randomBytes(300_000);
const sha256 = createHash('sha256').update(content).digest('hex');
const part = { name: 'app', bytes: content.length, sha256, unpackedBytes: 1 } as const;
const etag = `"${sha256}"`;

const readPartial = (path: string) => (existsSync(partialOf(path)) ? readFileSync(partialOf(path)) : Buffer.alloc(0));

type Answer = (request: IncomingMessage, response: ServerResponse, count: number) => void;

/** A server, and the requests that came. */
async function source(answer: Answer, tls?: { readonly key: string; readonly cert: string }) {
  const requests: IncomingMessage['headers'][] = [];
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    requests.push(request.headers);
    answer(request, response, requests.length);
  };
  const server = tls ? createTlsServer(tls, listener) : createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http${tls ? 's' : ''}://127.0.0.1:${(server.address() as AddressInfo).port}`, requests };
}

const startOf = ({ headers }: Pick<IncomingMessage, 'headers'>) =>
  Number(/^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1] ?? 0);

/** As a good server does. */
const good: Answer = ({ headers }, response) => {
  const from = startOf({ headers });
  const isSame = headers['if-range'] === undefined || headers['if-range'] === etag;
  if (from === 0 || !isSame)
    return void response.writeHead(200, { etag, 'content-length': content.length }).end(content);
  const range = `bytes ${from}-${content.length - 1}/${content.length}`;
  const head = { etag, 'content-range': range, 'content-length': content.length - from };
  response.writeHead(206, head).end(content.subarray(from));
};

/** Sends the first bytes and then cuts the line. */
const cut =
  (bytes: number): Answer =>
  (request, response) => {
    response.writeHead(200, { etag, 'content-length': content.length });
    // What was written still comes.
    response.write(content.subarray(0, bytes), () => request.socket.end());
  };

async function fetching(sources: readonly string[], options: Partial<FetchPartOptions> = {}) {
  const path = join(await tempDir(), 'parts', sha256);
  const troubles: string[] = [];
  const over = new AbortController();
  onTestFinished(() => over.abort());
  // Waits between rounds are no part of what is tested; a busy machine may take seconds for anything.
  const clock = { ...systemClock, sleep: (ms: number, signal?: AbortSignal) => systemClock.sleep(ms / 50, signal) };
  const all = {
    ...{ part, path, sources, clock, keepFreeBytes: 0, stallMs: 600_000, random: Math.random, signal: over.signal },
    onBytes: () => undefined,
    onTrouble: (reason: string) => troubles.push(reason),
    ...options,
  };
  return { path, troubles, run: () => fetchPart(all), stop: () => over.abort() };
}

test('a part comes whole, below its hash', async () => {
  const { url, requests } = await source(good);
  const { path, run } = await fetching([`${url}/releases/`]);
  await run();
  expect(readFileSync(path).equals(content)).toBe(true);
  expect(existsSync(partialOf(path))).toBe(false);
  await run();
  expect(requests).toHaveLength(1);
});

test('a line that is cut again and again is taken up where it ended', async () => {
  const { url, requests } = await source((request, response, count) => {
    if (count === 1) return cut(100_000)(request, response, count);
    if (count > 2) return good(request, response, count);
    const from = startOf(request);
    response.writeHead(206, { etag, 'content-range': `bytes ${from}-${content.length - 1}/${content.length}` });
    response.write(content.subarray(from, from + 100_000), () => request.socket.end());
  });
  const { path, run } = await fetching([url]);
  await run();
  expect(readFileSync(path).equals(content)).toBe(true);
  // What the system had not handed over when the line was cut comes again.
  const [first, second, third] = requests.map((headers) => startOf({ headers }));
  expect([first, requests.length]).toEqual([0, 3]);
  expect(second).toBeGreaterThan(0);
  expect(third).toBeGreaterThan(second!);
  expect(requests[2]!['if-range']).toBe(etag);
});

test('over TLS it comes from a server of the pinned authority, and goes on there after the line was cut', async () => {
  const maker = await CertificateMaker.in(await tempDir());
  const over = { ca: [maker.authority.certificatePem], stallMs: 600_000 };
  const { url, requests } = await source(
    (request, response, count) => (count === 1 ? cut(100_000) : good)(request, response, count),
    await maker.server('127.0.0.1'),
  );
  const { path, troubles, run } = await fetching([url], over);
  await run();
  expect(readFileSync(path).equals(content)).toBe(true);
  expect(troubles).toHaveLength(1);
  const [first, second] = requests.map((headers) => startOf({ headers }));
  expect([first, requests.length, requests[1]!['if-range']]).toEqual([0, 2, etag]);
  expect(second).toBeGreaterThan(0);
});

test('over TLS nothing is asked of a server of another authority, of another name, or that leads away from TLS', async () => {
  const [maker, other] = [await CertificateMaker.in(await tempDir()), await CertificateMaker.in(await tempDir())];
  const over = { ca: [maker.authority.certificatePem], stallMs: 600_000 };
  const stranger = await source(good, await other.server('127.0.0.1'));
  const misnamed = await source(good, await maker.server('gateway.plant1'));
  const open = await source(good);
  const leading = await source(
    (_request, response) => void response.writeHead(302, { location: `${open.url}/${sha256}` }).end(),
    await maker.server('127.0.0.1'),
  );
  const right = await source(good, await maker.server('127.0.0.1'));
  const { path, troubles, run } = await fetching(
    [stranger, misnamed, leading, right].map(({ url }) => url),
    over,
  );
  await run();
  expect(readFileSync(path).equals(content)).toBe(true);
  expect(troubles).toEqual([
    `${stranger.url}/${sha256}: its certificate is of an authority that this device does not know: see edge.gateway.caFile`,
    expect.stringMatching(/does not match certificate's altnames/),
    `${leading.url}/${sha256} leads to ${open.url}/${sha256}`,
  ]);
  expect([stranger, misnamed, open].flatMap(({ requests }) => requests)).toEqual([]);
});

test('what came before a kill is not fetched again, even if its end is lost', async () => {
  const { url, requests } = await source(good);
  const { path, run, stop } = await fetching([url]);
  const first = await source(cut(120_000));
  const { path: other, run: begin, stop: end } = await fetching([first.url]);
  const ended = begin().catch((error: unknown) => error);
  let came = Buffer.alloc(0);
  await expect.poll(() => (came = readPartial(other)).length).toBeGreaterThan(1000);
  end();
  await ended;
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(partialOf(path), came.subarray(0, -500));
  await run();
  stop();
  expect(readFileSync(path).equals(content)).toBe(true);
  expect(requests.map(({ range }) => range)).toEqual([`bytes=${came.length - 500}-`]);
});

test('a source that ignores ranges is read from the beginning', async () => {
  const { url } = await source((request, response, count) => {
    if (count === 1) return cut(50_000)(request, response, count);
    response.writeHead(200, { 'content-length': content.length }).end(content);
  });
  const { path, run } = await fetching([url]);
  await run();
  expect(readFileSync(path).equals(content)).toBe(true);
});

test('a damaged beginning is found by the hash, and all is fetched anew', async () => {
  const { url, requests } = await source(good);
  const { path, run } = await fetching([url]);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(partialOf(path), Buffer.alloc(250_000));
  await run();
  expect(readFileSync(path).equals(content)).toBe(true);
  expect(requests.map(({ range }) => range)).toEqual(['bytes=250000-', undefined]);
});

const bad: Record<string, Answer> = {
  'answers 404': (_request, response) => void response.writeHead(404).end('nothing here'),
  'promises another length': (_request, response) =>
    void response.writeHead(200, { 'content-length': 10 }).end('1234567890'),
  'sends without end': (_request, response) => {
    response.writeHead(200);
    const more = () => response.write(Buffer.alloc(65_536), (error) => !error && setImmediate(more));
    more();
  },
  'answers with another range': (request, response) => {
    if (request.headers.range === undefined) return cut(1000)(request, response, 1);
    response.writeHead(206, { 'content-range': `bytes 5-9/${content.length}` }).end('12345');
  },
  'leads in a circle': (_request, response) => void response.writeHead(302, { location: '/again' }).end(),
  'leads to no web address': (_request, response) =>
    void response.writeHead(302, { location: 'file:///etc/passwd' }).end(),
  'has other bytes': (_request, response) => void response.writeHead(200).end(randomBytes(content.length)),
  'closes at once': (request) => void request.socket.destroy(),
  'says nothing': () => undefined,
  drips: (_request, response) => {
    response.writeHead(200);
    const drip = setInterval(() => response.write('x'), 5);
    response.on('close', () => clearInterval(drip));
  },
};

test.each(Object.entries(bad))('a source that %s is left for the next one', async (_name, answer) => {
  const [first, second] = [await source(answer), await source(good)];
  // Its silence begins when it was asked, however long that takes here.
  const sleep = async (ms: number, signal?: AbortSignal): Promise<void> => {
    while (!signal?.aborted && first.requests.length === 0) await systemClock.sleep(1, signal);
    await systemClock.sleep(ms / 50, signal);
  };
  const { path, run } = await fetching([first.url, second.url], { stallMs: 15_000, clock: { ...systemClock, sleep } });
  await run();
  expect(readFileSync(path).equals(content)).toBe(true);
  expect(first.requests.length).toBeGreaterThan(0);
});

test('redirects are followed', async () => {
  const target = await source(good);
  const { url } = await source(({ url: path = '' }, response) => {
    response.writeHead(307, { location: `${target.url}/elsewhere${path}` }).end();
  });
  const { path, run } = await fetching([url]);
  await run();
  expect(readFileSync(path).equals(content)).toBe(true);
});

test('where no source has the right bytes the part is refused', async () => {
  const wrong: Answer = (_request, response) => void response.writeHead(200).end(randomBytes(content.length));
  const { run } = await fetching([(await source(wrong)).url, (await source(wrong)).url]);
  await expect(run()).rejects.toMatchObject({ name: 'RejectedError', code: 'corrupt' });
});

test('it goes on until a source is there', async () => {
  const { url } = await source((request, response, count) => {
    if (count < 4) return void response.writeHead(503).end();
    good(request, response, count);
  });
  const { path, run, troubles } = await fetching([url]);
  await run();
  expect(troubles).toHaveLength(3);
  expect(existsSync(path)).toBe(true);
});

test('what it fetched goes when the disk has no room left for others', async () => {
  const big = randomBytes(5_000_000);
  const hash = createHash('sha256').update(big).digest('hex');
  const { url } = await source((_request, response) => void response.writeHead(200).end(big));
  const seen: [string, boolean][] = [];
  const { path, run, stop } = await fetching([url], {
    onTrouble: (reason) => void seen.push([reason, existsSync(partialOf(path))]),
    part: { ...part, bytes: big.length, sha256: hash },
    keepFreeBytes: 2 ** 52,
  });
  const ended = run().catch((error: unknown) => error);
  await expect.poll(() => seen.length).toBeGreaterThan(0);
  stop();
  expect(await ended).toMatchObject({ code: 'stopped' });
  expect(seen[0]).toEqual([expect.stringContaining('bytes are free'), false]);
});
