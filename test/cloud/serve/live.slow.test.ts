import { connect } from 'node:net';
import { request, type ClientRequest, type IncomingMessage } from 'node:http';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Alert } from '../../../core/contract/alert.js';
import { systemClock } from '../../../core/runtime/clock.js';
import { rawPoint, testCatalogue } from '../../support/packs.js';
import { TestDevice } from '../../support/test-device.js';
import { waitFor } from '../../servers/wait-for.js';
import { rawRequest, startApiLine, type Json } from './api-line.js';

const nowUs = systemClock.nowUs();

interface Heard {
  readonly event: string;
  readonly data: Json;
}

/** One connection to the live stream, as an EventSource reads it. */
class Listener {
  readonly heard: Heard[] = [];
  text = '';
  ended = false;
  status = 0;
  private sent: ClientRequest | undefined;

  async open(port: number, query = ''): Promise<this> {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      this.sent = request({ port, host: '127.0.0.1', path: `/api/v1/live${query}` }, resolve).on('error', reject);
      this.sent.end();
    });
    this.status = response.statusCode!;
    response.setEncoding('utf8').on('data', (chunk: string) => this.take(chunk));
    response.on('end', () => (this.ended = true)).on('error', () => (this.ended = true));
    onTestFinished(() => this.close());
    return this;
  }

  close(): void {
    this.sent?.on('error', () => undefined).destroy();
  }

  of(event: string): Json[] {
    return this.heard.filter((one) => one.event === event).map(({ data }) => data);
  }

  points(): unknown[][] {
    return this.of('readings').flatMap(({ points }) => points as unknown[][]);
  }

  private take(chunk: string): void {
    const blocks = (this.text + chunk).split('\n\n');
    this.text = blocks.pop()!;
    for (const block of blocks) {
      const match = /^event: (.*)\ndata: (.*)$/.exec(block);
      if (match) this.heard.push({ event: match[1]!, data: JSON.parse(match[2]!) });
    }
  }
}

const until = (what: string, probe: () => boolean) => waitFor(what, 5000, probe, 5);

describe('GET /api/v1/live', () => {
  test('readings of the wanted series, alerts, devices and the pipeline', async () => {
    const { log, api } = await startApiLine();
    const device = new TestDevice(log, testCatalogue(['temp', 'power', 'other']));
    await device.announce();
    const listener = await new Listener().open(api.port, '?series=plant1/press-07/temp&series=plant1/press-07/power');
    await device.send([
      rawPoint('temp', nowUs, 21.5),
      rawPoint('other', nowUs, 1),
      { ...rawPoint('power', nowUs + 1, true), quality: 'spike' },
    ]);
    const alert: Alert = {
      ...{ sensor: 'temp', rule: 'hot', state: 'raised', severity: 'warning' },
      ...{ timeUs: nowUs, value: 81, threshold: 80, message: 'two\nlines' },
    };
    await device.alert(alert);
    await device.alert(alert);
    await device.beat(nowUs, 7);
    await until('the readings', () => listener.points().length === 2);
    expect(listener.points()).toEqual([
      ['plant1/press-07/temp', nowUs, 21.5, 'good', 'raw'],
      ['plant1/press-07/power', nowUs + 1, 1, 'spike', 'raw'],
    ]);
    await until('the device', () => listener.of('device').length > 0);
    expect(listener.of('device').at(-1)).toMatchObject({ device: 'press-07', online: true, pending: 7 });
    await until('the pipeline', () => listener.of('pipeline').length > 0);
    expect(listener.of('pipeline')[0]).toMatchObject({ devicesTotal: 1, stages: [{ stage: 'ingest' }] });
    await until('the alert', () => listener.of('alert').length > 0);
    expect(listener.of('alert')).toEqual([{ ...alert, site: 'plant1', device: 'press-07' }]);
  });

  test('without a filter no readings, but all the rest; a client may come back', async () => {
    const { log, api } = await startApiLine();
    const device = new TestDevice(log);
    await device.announce();
    const first = await new Listener().open(api.port);
    const filtered = await new Listener().open(api.port, `?series=plant1/press-07/temp`);
    await device.send([rawPoint('temp', nowUs, 1)]);
    await until('the reading', () => filtered.points().length === 1);
    await until('the pipeline', () => first.of('pipeline').length > 0);
    expect(first.of('readings')).toEqual([]);
    filtered.close();
    const again = await new Listener().open(api.port, `?series=plant1/press-07/temp`);
    await device.send([rawPoint('temp', nowUs + 1, 2)]);
    await until('the next reading', () => again.points().length === 1);
    expect(again.points()[0]![1]).toBe(nowUs + 1);
    expect((await rawRequest(api.port, '/metrics')).body).toContain('fieldline_serve_live_clients 2');
  });

  test('tells the browser when to come again, and that it stands', async () => {
    const { api } = await startApiLine();
    const socket = connect(api.port, '127.0.0.1');
    onTestFinished(() => void socket.destroy());
    let text = '';
    socket.on('data', (chunk) => (text += chunk.toString()));
    socket.write(`GET /api/v1/live HTTP/1.1\r\nHost: localhost:${api.port}\r\n\r\n`);
    await until('the first bytes', () => text.includes('retry: 2000'));
    expect(text).toMatch(/^HTTP\/1.1 200 OK\r\n/);
    expect(text).toContain('text/event-stream');
  });

  test('refuses bad filters, and more clients than it may have', async () => {
    const { api } = await startApiLine({ maxLiveClients: 1 });
    const bad = await rawRequest(api.port, '/api/v1/live?series=a/b&since=1');
    expect(JSON.parse(bad.body)).toMatchObject({
      status: 400,
      errors: [{ parameter: 'since' }, { parameter: 'series' }],
    });
    const first = await new Listener().open(api.port);
    const full = await rawRequest(api.port, '/api/v1/live');
    expect([full.status, full.headers['retry-after']]).toEqual([503, '2']);
    first.close();
    await waitFor('a free place', 5000, async () => {
      const next = await new Listener().open(api.port);
      if (next.status !== 200) next.close();
      return next.status === 200;
    });
  });

  test('a client that does not read is cut off, and holds nobody up', async () => {
    const { api, log } = await startApiLine({ maxLiveClientBytes: 1_000_000 });
    const device = new TestDevice(log, testCatalogue(['temp']));
    await device.announce();
    const slow = connect(api.port, '127.0.0.1');
    onTestFinished(() => void slow.destroy());
    slow.pause().on('error', () => undefined);
    slow.write(`GET /api/v1/live?series=plant1/press-07/temp HTTP/1.1\r\nHost: localhost:${api.port}\r\n\r\n`);
    const quick = await new Listener().open(api.port, '?series=plant1/press-07/temp');
    const long = 'x'.repeat(4000);
    let sent = 0;
    // The kernel takes some megabytes for a client that does not read.
    const dropped = async (): Promise<boolean> => {
      await device.send(Array.from({ length: 200 }, (_, i) => rawPoint('temp', nowUs + sent + i, long)));
      sent += 200;
      return (await rawRequest(api.port, '/metrics')).body.includes('fieldline_serve_live_dropped_total 1');
    };
    await waitFor('the cut', 15_000, dropped, 10);
    await until('all readings', () => quick.points().length === sent);
    expect(quick.ended).toBe(false);
  });

  test('ends when the server stops', async () => {
    const { api } = await startApiLine();
    const listeners = await Promise.all([1, 2, 3].map(() => new Listener().open(api.port)));
    const startedMs = performance.now();
    await api.stop(60_000);
    expect(performance.now() - startedMs).toBeLessThan(30_000);
    await until('the ends', () => listeners.every(({ ended }) => ended));
  });
});
