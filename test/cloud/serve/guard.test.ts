import { mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { tempDir } from '../../support/temp-dir.js';
import { rawRequest, startApiLine } from './api-line.js';

describe('who may ask', () => {
  test('a Host header must name this server', async () => {
    const { api } = await startApiLine({ allowedHosts: ['Fieldline.example', 'proxy.example:8443'] });
    const ask = async (host: string) => (await rawRequest(api.port, '/api/v1/devices', { host })).status;
    const own = ['localhost', '127.0.0.1', '[::1]', 'LOCALHOST', 'fieldline.example'].map(
      (name) => `${name}:${api.port}`,
    );
    for (const host of [...own, 'fieldline.example', 'proxy.example:8443'])
      expect([host, await ask(host)]).toEqual([host, 200]);
    const foreign = [
      'evil.example',
      `evil.example:${api.port}`,
      'localhost',
      'localhost:1',
      `localhost.evil.example:${api.port}`,
    ];
    for (const host of [...foreign, 'proxy.example', 'a b', 'localhost/x']) {
      expect([host, [400, 403].includes(await ask(host))]).toEqual([host, true]);
    }
  });

  test('no Host header is none of ours', async () => {
    const { api } = await startApiLine();
    for (const version of ['1.0', '1.1']) {
      const socket = connect(api.port, '127.0.0.1');
      socket.end(`GET /api/v1/devices HTTP/${version}\r\n\r\n`);
      expect(await text(socket)).toMatch(/^HTTP\/1.1 400 /);
    }
  });

  test('the Host header counts, not the address of an absolute request target', async () => {
    const { api } = await startApiLine();
    const headers = { host: `evil.example:${api.port}` };
    expect((await rawRequest(api.port, `http://127.0.0.1:${api.port}/api/v1/devices`, headers)).status).toBe(403);
  });

  test('a request from a page of another origin is refused', async () => {
    const { api } = await startApiLine();
    const ask = async (origin: string) => (await rawRequest(api.port, '/api/v1/devices', { origin })).status;
    expect(await ask(`http://localhost:${api.port}`)).toBe(200);
    expect(await ask(`http://127.0.0.1:${api.port}`)).toBe(200);
    for (const origin of ['http://evil.example', 'null', 'http://localhost', `ftp://localhost:${api.port}`]) {
      const answer = await rawRequest(api.port, '/api/v1/devices', { origin });
      expect([origin, answer.status, JSON.parse(answer.body).type]).toEqual([
        origin,
        403,
        'urn:fieldline:problem:forbidden-origin',
      ]);
    }
  });

  test('only GET and HEAD are answered', async () => {
    const { api } = await startApiLine();
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
      const answer = await rawRequest(api.port, '/api/v1/devices', {}, method);
      expect([method, answer.status, answer.headers.allow]).toEqual([method, 405, 'GET, HEAD']);
    }
    for (const path of ['/api/v1/devices', '/api/v1/live', '/api/v1/export/points', '/metrics', '/healthz']) {
      const answer = await rawRequest(api.port, path, {}, 'HEAD');
      expect([path, answer.status, answer.body]).toEqual([path, 200, '']);
    }
  });

  test('every answer carries the security headers', async () => {
    const { api } = await startApiLine();
    for (const [path, host] of [
      ['/api/v1/devices', ''],
      ['/nothing', ''],
      ['/api/v1/query', ''],
      ['/metrics', ''],
      ['/', 'evil.example'],
    ] as const) {
      const { headers } = await rawRequest(api.port, path, host ? { host } : {});
      expect(headers['content-security-policy']).toMatch(/^default-src 'self'; style-src 'self' 'unsafe-inline';/);
      expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' });
    }
  });

  test('beyond loopback it listens only when told so', async () => {
    await expect(startApiLine({ host: '0.0.0.0' })).rejects.toMatchObject({ code: 'bad-config' });
    const { api } = await startApiLine({ host: '0.0.0.0', insecure: true, allowedHosts: ['10.0.0.7'] });
    expect((await rawRequest(api.port, '/healthz', { host: `10.0.0.7:${api.port}` })).status).toBe(200);
    expect((await rawRequest(api.port, '/healthz', { host: `10.0.0.8:${api.port}` })).status).toBe(403);
  });

  test('a port in use is fatal, with a sentence', async () => {
    const { api } = await startApiLine();
    await expect(startApiLine({ port: api.port })).rejects.toMatchObject({
      name: 'FatalError',
      code: 'port-in-use',
      message: expect.stringContaining('set http.port') as string,
    });
  });
});

describe('the console files', () => {
  async function startWithAssets() {
    const root = await tempDir();
    await writeFile(join(root, 'secret.html'), 'secret');
    const assetsDir = join(root, 'assets');
    await mkdir(join(assetsDir, 'sub'), { recursive: true });
    await writeFile(join(assetsDir, 'index.html'), '<!doctype html><title>console</title>');
    await writeFile(join(assetsDir, 'main.js'), 'export {};');
    await writeFile(join(assetsDir, 'sub', 'a.css'), 'a {}');
    await writeFile(join(assetsDir, 'notes.txt'), 'not served');
    return startApiLine({ assetsDir });
  }

  test('are served with their types, and 304 while they have not changed', async () => {
    const { api } = await startWithAssets();
    const page = await rawRequest(api.port, '/');
    expect([page.status, page.headers['content-type'], page.body]).toEqual([
      200,
      'text/html; charset=utf-8',
      '<!doctype html><title>console</title>',
    ]);
    expect(page.headers['cache-control']).toBe('no-cache');
    const etag = page.headers.etag!;
    const again = await rawRequest(api.port, '/index.html', { 'if-none-match': `"other", W/${etag}` });
    expect([again.status, again.body, again.headers.etag]).toEqual([304, '', etag]);
    expect((await rawRequest(api.port, '/main.js')).headers['content-type']).toBe('text/javascript; charset=utf-8');
    expect((await rawRequest(api.port, '/sub/a.css')).status).toBe(200);
    expect((await rawRequest(api.port, '/main.js', {}, 'HEAD')).body).toBe('');
  });

  test('no path leads out of the folder', async () => {
    const { api } = await startWithAssets();
    for (const path of [
      '/../secret.html',
      '/..%2fsecret.html',
      '/%2e%2e/secret.html',
      '/sub/../../secret.html',
      '/..\\secret.html',
      '//etc/passwd',
      '/%00',
      '/sub',
      '/notes.txt',
      '/constructor',
      '/%',
    ]) {
      const answer = await rawRequest(api.port, path);
      expect([path, [400, 404].includes(answer.status), answer.body.includes('secret</')]).toEqual([path, true, false]);
    }
  });

  test('without a console the API still answers, and says what is missing', async () => {
    const { api, json } = await startApiLine({ assetsDir: '/nowhere/at/all' });
    expect(JSON.parse((await rawRequest(api.port, '/')).body)).toMatchObject({ status: 404, instance: '/' });
    expect(await json('/api/v1/devices')).toEqual({ devices: [] });
  });
});
