import { Counter, Registry } from 'prom-client';
import { expect, onTestFinished, test } from 'vitest';
import { silentLogger } from '../../../core/runtime/logger.js';
import { OpsServer } from '../../../core/runtime/ops-server.js';

async function startOps(reasons: string[], over: { port?: number } = {}) {
  const registry = new Registry();
  new Counter({ name: 'seen_total', help: 'Seen', registers: [registry] }).inc(3);
  const server = new OpsServer({ port: 0, registry, notReady: () => reasons, logger: silentLogger, ...over });
  await server.start();
  onTestFinished(() => server.stop(1000));
  return { server, url: `http://127.0.0.1:${server.port}` };
}

test('metrics in the Prometheus text format', async () => {
  const { url } = await startOps([]);
  const response = await fetch(`${url}/metrics?x=1`);
  expect(response.headers.get('content-type')).toContain('text/plain; version=0.0.4');
  expect(await response.text()).toContain('seen_total 3');
});

test('ready until there is a reason not to be; alive all the while', async () => {
  const reasons: string[] = [];
  const { url } = await startOps(reasons);
  const ready = await fetch(`${url}/readyz`);
  expect([ready.status, await ready.json()]).toEqual([200, { ready: true, reasons: [] }]);
  reasons.push('The event log cannot be reached.');
  const unready = await fetch(`${url}/readyz`);
  expect([unready.status, await unready.json()]).toEqual([503, { ready: false, reasons }]);
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
});

test('nothing else is answered', async () => {
  const { url } = await startOps([]);
  expect((await fetch(`${url}/`)).status).toBe(404);
  expect((await fetch(`${url}/constructor`)).status).toBe(404);
  const posted = await fetch(`${url}/metrics`, { method: 'POST' });
  expect([posted.status, posted.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  const head = await fetch(`${url}/healthz`, { method: 'HEAD' });
  expect([head.status, await head.text()]).toEqual([200, '']);
});

test('a port in use is fatal, with a sentence that says what to do', async () => {
  const { server } = await startOps([]);
  await expect(startOps([], { port: server.port })).rejects.toMatchObject({
    name: 'FatalError',
    code: 'port-in-use',
    message: expect.stringMatching(new RegExp(`port ${server.port} on 127.0.0.1.*set ops.port`)) as string,
  });
});

test('start and stop may be called again', async () => {
  const { server } = await startOps([]);
  await server.start();
  await server.stop(1000);
  await server.stop(1000);
  await server.start();
  expect((await fetch(`http://127.0.0.1:${server.port}/healthz`)).status).toBe(200);
});
