import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readdir, readFile, symlink, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Registry } from 'prom-client';
import { describe, expect, it, onTestFinished } from 'vitest';
import { pushReleases } from '../../../cli/release-push.js';
import { systemClock } from '../../../core/runtime/clock.js';
import { silentLogger } from '../../../core/runtime/logger.js';
import { operatorToken } from '../../../core/runtime/operator-token.js';
import { OpsServer } from '../../../core/runtime/ops-server.js';
import { openReleases } from '../../../gateway/releases/open-releases.js';
import { releasesSchema } from '../../../gateway/releases/releases-config.js';
import { waitFor } from '../../servers/wait-for.js';
import { tempDir } from '../../support/temp-dir.js';
import { secret } from '../harness.js';
import { keys, layReleases, makeRelease } from './make-release.js';

const run = promisify(execFile);
const token = { Authorization: `Bearer ${operatorToken(secret)}` };

async function start(over: object = {}) {
  const directory = await tempDir();
  const registry = new Registry();
  const audit = { note: () => undefined };
  const config = releasesSchema.parse({ directory, port: 0, ...over });
  const releases = openReleases({ config, registry, secret, audit, clock: systemClock })!;
  const ops = new OpsServer({ port: 0, registry, notReady: () => [], logger: silentLogger, door: releases.door });
  for (const part of [ops, ...releases.parts]) {
    await part.start();
    onTestFinished(() => part.stop(100));
  }
  const http = `http://127.0.0.1:${ops.port}`;
  const text = () => registry.metrics();
  return { directory, http, own: `http://127.0.0.1:${releases.port()}`, port: releases.port()!, text };
}

const bytesOf = async (response: Response) => Buffer.from(await response.arrayBuffer());

describe('parts of releases over HTTP', () => {
  it('come whole, by range, or not at all where they are known, on both ports', async () => {
    const { directory, http, own } = await start();
    const made = makeRelease('1.0.0', 'arm64', 300_000);
    await layReleases(directory, made);
    for (const base of [http, own]) {
      const url = `${base}/releases/${made.sha256}`;
      const tag = `"${made.sha256}"`;
      const whole = await fetch(url);
      expect([whole.status, whole.headers.get('etag'), whole.headers.get('accept-ranges')]).toEqual([
        200,
        tag,
        'bytes',
      ]);
      expect(whole.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
      expect((await bytesOf(whole)).equals(made.part)).toBe(true);
      const some = await fetch(url, { headers: { Range: 'bytes=1000-', 'If-Range': tag } });
      expect([some.status, some.headers.get('content-range')]).toEqual([206, 'bytes 1000-299999/300000']);
      expect((await bytesOf(some)).equals(made.part.subarray(1000))).toBe(true);
      const other = await fetch(url, { headers: { Range: 'bytes=1000-', 'If-Range': '"another"' } });
      expect([other.status, (await bytesOf(other)).byteLength]).toEqual([200, 300_000]);
      const behind = await fetch(url, { headers: { Range: 'bytes=300000-' } });
      expect([behind.status, behind.headers.get('content-range')]).toEqual([416, 'bytes */300000']);
      const known = await fetch(url, { headers: { 'If-None-Match': `W/${tag}` } });
      expect([known.status, (await bytesOf(known)).byteLength]).toEqual([304, 0]);
      const head = await fetch(url, { method: 'HEAD' });
      expect([head.status, head.headers.get('content-length')]).toEqual([200, '300000']);
      expect((await fetch(url, { method: 'DELETE' })).status).toBe(405);
    }
  });

  it('are resumed by curl where a connection broke', async () => {
    const { directory, own } = await start();
    const made = makeRelease('1.0.0', 'arm64', 500_000);
    await layReleases(directory, made);
    const file = join(await tempDir(), 'part');
    await run('curl', ['-fsS', '-o', file, `${own}/releases/${made.sha256}`]);
    await truncate(file, 123_456);
    await run('curl', ['-fsS', '-C', '-', '-o', file, `${own}/releases/${made.sha256}`]);
    expect((await readFile(file)).equals(made.part)).toBe(true);
  });

  it('are the only thing there: no list, no link, no way out of the folder', async () => {
    const { directory, http, own, port } = await start();
    const made = makeRelease('1.0.0');
    await layReleases(directory, made);
    const outside = join(await tempDir(), 'secret');
    await writeFile(outside, 'a secret');
    const link = createHash('sha256').update('link').digest('hex');
    await symlink(outside, join(directory, 'parts', link));
    const folder = createHash('sha256').update('folder').digest('hex');
    await mkdir(join(directory, 'parts', folder));
    const names = [
      link,
      folder,
      '',
      '..',
      '%2e%2e%2f1.0.0-arm64.json',
      '../1.0.0-arm64.json',
      made.sha256.toUpperCase(),
    ];
    for (const base of [http, own]) {
      for (const name of names) expect((await fetch(`${base}/releases/${name}`)).status, name).toBe(404);
    }
    // fetch makes paths straight before it asks.
    for (const path of [
      '/releases/../1.0.0-arm64.json',
      '//releases/x',
      '/releases/..%2f..%2fetc%2fpasswd',
      '/metrics',
    ]) {
      expect(await statusOf(port, path), path).toBe(404);
    }
  });

  it('are sent to so many at once; others are told to come back', async () => {
    const { directory, own, port, text } = await start({ maxDownloads: 1 });
    const made = makeRelease('1.0.0', 'arm64', 32 * 1024 * 1024);
    await layReleases(directory, made);
    const slow = connect(port, '127.0.0.1');
    onTestFinished(() => void slow.destroy());
    slow.pause();
    slow.write(`GET /releases/${made.sha256} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await waitFor('the download', 5000, async () => (await text()).includes('release_downloads 1'));
    const busy = await fetch(`${own}/releases/${made.sha256}`, { method: 'HEAD' });
    expect([busy.status, busy.headers.get('retry-after')]).toEqual([503, '5']);
    slow.destroy();
    await waitFor('room', 5000, async () => (await fetch(`${own}/releases/${made.sha256}`, { method: 'HEAD' })).ok);
    const told = await text();
    expect(told).toContain('fieldline_gateway_release_requests_total{outcome="cut"} 1');
    expect(told).toMatch(/fieldline_gateway_release_requests_total\{outcome="busy"\} \d+/);
  });

  it('end where the other side takes nothing for long', async () => {
    const { directory, port, text } = await start({ stallMs: '1s' });
    const made = makeRelease('1.0.0', 'arm64', 32 * 1024 * 1024);
    await layReleases(directory, made);
    const slow = connect(port, '127.0.0.1');
    onTestFinished(() => void slow.destroy());
    slow.pause();
    slow.write(`GET /releases/${made.sha256} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await waitFor('the cut', 20_000, async () => (await text()).includes('requests_total{outcome="cut"} 1'));
    expect(await text()).toContain('release_downloads 0');
  });
});

describe('bringing a release to a gateway', () => {
  const put = (url: string, body: Buffer | string, headers = token) =>
    fetch(url, { method: 'PUT', headers, body: Buffer.from(body) });

  it('takes the parts, then the manifest, and tells of both', async () => {
    const { directory, http } = await start();
    const made = makeRelease('1.0.0+abc', 'arm64', 200_000);
    const manifest = `${http}/api/v1/releases/1.0.0+abc/arm64`;
    expect((await put(manifest, JSON.stringify(made.release))).status).toBe(409);
    expect((await put(`${http}/api/v1/releases/parts/${made.sha256}`, made.part)).status).toBe(200);
    expect((await put(manifest, JSON.stringify(made.release))).status).toBe(200);
    // Once more is nothing new.
    expect((await put(`${http}/api/v1/releases/parts/${made.sha256}`, made.part)).status).toBe(200);
    expect((await put(manifest, JSON.stringify(made.release))).status).toBe(200);
    expect(await readdir(join(directory, 'parts'))).toEqual([made.sha256]);
    const listed = (await (await fetch(`${http}/api/v1/releases`, { headers: token })).json()) as {
      releases: object[];
    };
    const { parts, builtUs, nodeVersion } = made.manifest;
    expect(listed.releases).toEqual([
      { version: '1.0.0+abc', arch: 'arm64', parts, builtUs, nodeVersion, complete: true },
    ]);
    expect((await bytesOf(await fetch(`${http}/releases/${made.sha256}`))).equals(made.part)).toBe(true);
    const one = (await (await fetch(manifest, { headers: token })).json()) as { release: object };
    expect(one.release).toEqual(made.release);
    expect((await fetch(manifest, { method: 'DELETE', headers: token })).status).toBe(200);
    expect((await fetch(`${http}/releases/${made.sha256}`)).status).toBe(404);
    expect((await fetch(manifest, { headers: token })).status).toBe(404);
  });

  it('refuses strangers, other bytes, too many bytes, and another manifest of the same name; and leaves nothing behind', async () => {
    const { directory, http } = await start({ maxPartBytes: 1024 * 1024, maxBytes: 1024 * 1024 });
    const made = makeRelease('1.0.0', 'arm64', 600_000);
    const url = `${http}/api/v1/releases/parts/${made.sha256}`;
    expect((await put(url, made.part, { Authorization: 'Bearer no' })).status).toBe(401);
    expect((await put(url, made.part.subarray(1))).status).toBe(422);
    const large = makeRelease('2.0.0', 'arm64', 2 * 1024 * 1024);
    const answer = await put(`${http}/api/v1/releases/parts/${large.sha256}`, large.part).catch(() => undefined);
    expect([413, undefined]).toContain(answer?.status);
    expect(await readdir(join(directory, 'parts'))).toEqual([]);
    expect((await put(url, made.part)).status).toBe(200);
    const second = makeRelease('3.0.0', 'arm64', 600_000);
    const full = await put(`${http}/api/v1/releases/parts/${second.sha256}`, second.part).catch(() => undefined);
    expect([507, undefined]).toContain(full?.status);
    const manifest = `${http}/api/v1/releases/1.0.0/arm64`;
    expect((await put(manifest, JSON.stringify(made.release))).status).toBe(200);
    const { manifest: same } = made;
    const other = makeRelease('1.0.0', 'arm64', 600_001);
    expect(same.parts).not.toEqual(other.manifest.parts);
    expect((await put(manifest, JSON.stringify(other.release))).status).toBe(409);
    expect((await put(`${http}/api/v1/releases/9.9.9/arm64`, JSON.stringify(made.release))).status).toBe(400);
    expect((await put(`${http}/api/v1/releases/1.0.0/sparc`, JSON.stringify(made.release))).status).toBe(404);
    expect((await put(manifest, 'no JSON')).status).toBe(400);
    expect(await readdir(join(directory, 'parts'))).toEqual([made.sha256]);
  });

  it('is what release push does: what is there is not sent again, and who refuses or goes away is named', async () => {
    const { http } = await start({ maxBytes: 1024 * 1024 });
    const folder = await tempDir();
    await layReleases(folder, makeRelease('1.0.0', 'arm64', 300_000), makeRelease('1.0.0', 'x64', 300_000));
    const said: string[] = [];
    const push = (over: object = {}) =>
      pushReleases({ http, token: operatorToken(secret), ...over }, { folder, say: (line) => said.push(line) });
    await expect(push({ token: 'no' })).rejects.toMatchObject({ name: 'AnsweredError', status: 401 });
    expect(said).toEqual([]);
    const both = (sent: number) => ['arm64', 'x64'].map((arch) => ({ version: '1.0.0', arch, sent }));
    expect((await push()).result).toEqual(both(300_000));
    expect((await push()).result).toEqual(both(0));
    await layReleases(folder, makeRelease('2.0.0', 'arm64', 600_000));
    await expect(push()).rejects.toThrow(/at most 1048576 bytes|the part was not taken/);

    const rude = createServer((request, response) => {
      if (request.method === 'GET') response.end('{}');
      else if (request.method === 'HEAD') response.writeHead(404).end();
      else request.once('data', () => request.destroy());
    });
    await once(rude.listen(0, '127.0.0.1'), 'listening');
    onTestFinished(() => void rude.close());
    const away = `http://127.0.0.1:${(rude.address() as AddressInfo).port}`;
    await expect(push({ http: away })).rejects.toThrow(`${away}: the part was not taken`);
  });

  it('refuses what the pinned key did not sign', async () => {
    const publicKeyFile = join(await tempDir(), 'key.pem');
    await writeFile(publicKeyFile, keys.publicKey.export({ type: 'spki', format: 'pem' }));
    const { directory, http } = await start({ publicKeyFile });
    const made = makeRelease('1.0.0');
    await layReleases(directory, made);
    const url = `${http}/api/v1/releases/1.0.0/arm64`;
    const forged = { ...made.release, signature: `${'A'.repeat(86)}==` };
    expect((await put(url, JSON.stringify(forged))).status).toBe(400);
    expect((await put(url, JSON.stringify(made.release))).status).toBe(200);
  });
});

/** The status of a path as it is written. */
async function statusOf(port: number, path: string): Promise<number> {
  const socket = connect(port, '127.0.0.1');
  socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
  let text = '';
  for await (const chunk of socket as AsyncIterable<Buffer>) text += chunk.toString();
  return Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1]);
}
