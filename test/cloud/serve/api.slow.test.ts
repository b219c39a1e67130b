import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { Alert } from '../../../core/contract/alert.js';
import { logTopics } from '../../../core/contract/log-topics.js';
import type { Point } from '../../../core/contract/reading.js';
import { minuteUs } from '../../../core/contract/time.js';
import { systemClock } from '../../../core/runtime/clock.js';
import { describeSensor, rawPoint, testCatalogue } from '../../support/packs.js';
import { TestDevice } from '../../support/test-device.js';
import { waitFor } from '../../servers/wait-for.js';
import { rawRequest, startApiLine, type ApiLine, type Json } from './api-line.js';

/** The start of a minute that ended a while ago. */
const minute = Math.floor(systemClock.nowUs() / minuteUs) * minuteUs - 5 * minuteUs;
const sensors = {
  temp: describeSensor({ labels: { floor: '2' } }),
  power: describeSensor({ quantity: 'power', unit: 'W' }),
  mode: describeSensor({ quantity: 'mode', unit: '/' }),
};
const plant = testCatalogue(sensors);
const windowPoint: Point = {
  ...{ sensor: 'power', timeUs: minute, value: 5, quality: 'good', form: 'window' },
  window: { spanUs: 1e6, count: 4, min: 1, max: 9, first: 2, last: 8, p95: 8.5 },
};
const alert = (timeUs: number, sensor = 'temp'): Alert => ({
  ...{ sensor, rule: 'hot', state: 'raised', severity: 'warning' },
  ...{ timeUs, value: 81, threshold: 80, message: 'too hot' },
});

/** Three packs of a device: ten raw temperatures, a window and a text, and an alert. */
async function lineWithDevice(): Promise<ApiLine & { device: TestDevice }> {
  const line = await startApiLine();
  const device = new TestDevice(line.log, plant);
  await device.announce();
  await device.send(Array.from({ length: 10 }, (_, i) => rawPoint('temp', minute + i * 1e6, 20 + i)));
  await device.send([
    windowPoint,
    rawPoint('mode', minute, 'auto'),
    { ...rawPoint('mode', minute + 1, true), quality: 'bad' },
  ]);
  await device.alert(alert(minute + 5));
  await line.settled();
  return { ...line, device };
}

describe('GET /api/v1/devices', () => {
  test('shows each device with what the store has of it', async () => {
    const { device, json, fleet } = await lineWithDevice();
    device.nextSeq = 5;
    await device.beat(systemClock.nowUs(), 2, 8192);
    await waitFor('the heartbeat', 2000, () => fleet.devices()[0]!.outbox()!.lastSeq === 4, 2);
    const { devices } = await json('/api/v1/devices?site=plant1');
    expect(devices).toEqual([
      {
        ...{ state: 'unknown', title: null, speaksAs: null, release: null },
        ...{ site: 'plant1', device: 'press-07', online: true, session: device.session, epoch: device.epoch },
        ...{ version: '1.2.3', lastSeq: 4, received: 3, missing: [[3, 4]], completeness: 0.6 },
        ...{ lastSeenUs: expect.any(Number) as number, sensors: 3, pending: 2, bytes: 8192 },
      },
    ]);
    expect(Object.keys(devices[0])).toEqual(
      'site device online session epoch version lastSeq received missing completeness lastSeenUs sensors pending bytes state title speaksAs release'.split(
        ' ',
      ),
    );
    expect(await json('/api/v1/devices?site=elsewhere')).toEqual({ devices: [] });
  });

  test('still shows them while the store is away', async () => {
    const { json, store, api } = await lineWithDevice();
    store.away = true;
    const { devices } = await json('/api/v1/devices');
    expect(devices[0]).toMatchObject({
      device: 'press-07',
      online: true,
      received: null,
      completeness: null,
      missing: [],
    });
    expect((await rawRequest(api.port, '/readyz')).status).toBe(503);
  });
});

describe('GET /api/v1/series', () => {
  test('lists what is measured, with the last reading', async () => {
    const { json } = await lineWithDevice();
    const { series, next } = await json('/api/v1/series');
    expect(next).toBeNull();
    expect(series).toEqual([
      {
        ...{ series: 'plant1/press-07/mode', site: 'plant1', device: 'press-07', sensor: 'mode' },
        ...{ quantity: 'mode', unit: '/', labels: {}, last: { timeUs: minute + 1, value: 1, quality: 'bad' } },
      },
      expect.objectContaining({ sensor: 'power', last: { timeUs: minute, value: 5, quality: 'good' } }),
      expect.objectContaining({ sensor: 'temp', unit: 'Cel', labels: { floor: '2' } }),
    ]);
  });

  test('by pages, each beginning behind the one before', async () => {
    const { log, json, fleet } = await startApiLine();
    for (const name of ['a', 'b', 'c-d', 'c'])
      await new TestDevice(log, testCatalogue(['x', 'y'], 's', name)).announce();
    await waitFor('the series', 2000, () => fleet.series().length === 8, 2);
    const seen: string[] = [];
    for (let after: string | null = ''; after !== null;) {
      const page: Json = await json(`/api/v1/series?limit=3${after === '' ? '' : `&after=${after}`}`);
      expect(page.series.length).toBeLessThanOrEqual(3);
      for (const { series } of page.series) seen.push(series as string);
      after = page.next as string | null;
    }
    expect(seen).toEqual([...seen].sort());
    expect(new Set(seen).size).toBe(8);
  });

  test('by site, device, sensor and quantity', async () => {
    const { json } = await lineWithDevice();
    const names = async (query: string) =>
      ((await json(`/api/v1/series?${query}`)).series as { sensor: string }[]).map(({ sensor }) => sensor);
    expect(await names('quantity=power')).toEqual(['power']);
    expect(await names('sensor=temp&device=press-07&site=plant1')).toEqual(['temp']);
    expect(await names('device=press-0')).toEqual([]);
    expect(await names('site=plant')).toEqual([]);
  });
});

describe('GET /api/v1/query', () => {
  test('raw values as columns, oldest first, with their completeness', async () => {
    const { json, device } = await lineWithDevice();
    const series = ['temp', 'power', 'mode'].map((sensor) => `series=plant1/press-07/${sensor}`).join('&');
    const answer = await json(`/api/v1/query?${series}&from=${minute}&to=${minute + minuteUs}&limit=3`);
    expect(answer).toMatchObject({ fromUs: minute, toUs: minute + minuteUs, tier: 'raw', layer: 'speed' });
    expect(answer.completeness).toEqual([{ source: `plant1/press-07/${device.epoch}`, received: 3, expected: 3 }]);
    expect(answer.series).toEqual([
      {
        ...{ series: 'plant1/press-07/temp', quantity: 'temperature', unit: 'Cel' },
        columns: {
          ...{ timeUs: [7, 8, 9].map((i) => minute + i * 1e6), value: [27, 28, 29], form: ['raw', 'raw', 'raw'] },
          ...{ min: [null, null, null], max: [null, null, null], count: [null, null, null] },
          quality: ['good', 'good', 'good'],
        },
      },
      {
        ...{ series: 'plant1/press-07/power', quantity: 'power', unit: 'W' },
        columns: {
          ...{ timeUs: [minute], value: [5], min: [1], max: [9], count: [4], quality: ['good'], form: ['window'] },
        },
      },
      {
        ...{ series: 'plant1/press-07/mode', quantity: 'mode', unit: '/' },
        columns: {
          ...{ timeUs: [minute, minute + 1], value: ['auto', 1], quality: ['good', 'bad'], form: ['raw', 'raw'] },
          ...{ min: [null, null], max: [null, null], count: [null, null] },
        },
      },
    ]);
  });

  test('rollups: the mean is the value', async () => {
    const { json, store } = await lineWithDevice();
    await store.repairRollups(systemClock.nowUs());
    const answer = await json(`/api/v1/query?series=plant1/press-07/temp&tier=1m&from=${minute}&to=now`);
    expect(answer.tier).toBe('1m');
    expect(answer.series[0].columns).toEqual({
      ...{ timeUs: [minute], value: [24.5], min: [20], max: [29], count: [10], quality: [null], form: ['rollup'] },
    });
  });

  test('auto shows the whole range by a coarser tier where raw readings would be cut off', async () => {
    const { json, store } = await lineWithDevice();
    await store.repairRollups(systemClock.nowUs());
    const query = `/api/v1/query?series=plant1/press-07/temp&from=${minute}&to=${minute + 5 * minuteUs}`;
    expect(await json(query)).toMatchObject({ tier: 'raw' });
    expect(await json(`${query}&limit=5`)).toMatchObject({ tier: '1m', series: [{ columns: { value: [24.5] } }] });
    expect((await json(`${query}&limit=5&tier=raw`)).series[0].columns.value).toEqual([25, 26, 27, 28, 29]);
  });

  test('a series that nobody knows is empty', async () => {
    const { json } = await lineWithDevice();
    const answer = await json('/api/v1/query?series=plant1/press-07/none&from=-1h');
    expect(answer.series[0]).toMatchObject({
      series: 'plant1/press-07/none',
      quantity: '',
      unit: '',
      columns: { timeUs: [] },
    });
  });

  test('bad parameters are told one by one', async () => {
    const { api } = await startApiLine();
    const answer = await rawRequest(api.port, '/api/v1/query?from=yesterday&tier=5m&limit=20001&colour=red');
    expect(answer.headers['content-type']).toBe('application/problem+json');
    expect(JSON.parse(answer.body)).toEqual({
      type: 'urn:fieldline:problem:bad-parameter',
      title: 'A parameter cannot be understood',
      status: 400,
      detail: expect.any(String) as string,
      instance: '/api/v1/query',
      errors: ['colour', 'series', 'from', 'tier', 'limit'].map((parameter) => ({
        parameter,
        detail: expect.any(String) as string,
      })),
    });
  });

  test('more than one answer may hold is refused, not cut', async () => {
    const { api } = await startApiLine();
    const answer = await rawRequest(api.port, '/api/v1/query?series=a/b/c&tier=1m&from=-300w');
    expect(JSON.parse(answer.body)).toMatchObject({ status: 400, type: 'urn:fieldline:problem:range-too-large' });
  });

  test('while the store is away it says so, and to come again', async () => {
    const { api, store } = await startApiLine();
    store.away = true;
    const answer = await rawRequest(api.port, '/api/v1/query?series=a/b/c');
    expect([answer.status, answer.headers['retry-after']]).toEqual([503, '2']);
    expect(JSON.parse(answer.body)).toMatchObject({ type: 'urn:fieldline:problem:unavailable' });
  });
});

describe('GET /api/v1/alerts', () => {
  test('the newest first, by sensor and time', async () => {
    const line = await lineWithDevice();
    await line.device.alert(alert(minute + 7, 'power'), alert(minute + 9));
    await line.settled();
    const times = async (query: string) =>
      ((await line.json(`/api/v1/alerts?${query}`)).alerts as Alert[]).map(({ timeUs }) => timeUs - minute);
    expect(await times('')).toEqual([9, 7, 5]);
    expect(await times('limit=2')).toEqual([9, 7]);
    expect(await times('sensor=temp&site=plant1')).toEqual([9, 5]);
    expect(await times(`from=${minute + 6}&to=${minute + 9}`)).toEqual([7]);
    expect((await line.json('/api/v1/alerts?limit=1')).alerts[0]).toEqual({
      ...alert(minute + 9),
      ...{ site: 'plant1', device: 'press-07' },
    });
    expect(await line.json('/api/v1/alerts?limit=10001')).toMatchObject({ status: 400 });
  });
});

describe('exports', () => {
  const series = 'plant1/press-07';

  test('points, every field in its place', async () => {
    const { rows, url } = await lineWithDevice();
    const text = await (await fetch(`${url}/api/v1/export/points`)).text();
    expect(JSON.parse(text.split('\n')[0]!)).toEqual(
      'series form timeUs value quality count min max first last spanUs p95'.split(' '),
    );
    const all = await rows('/api/v1/export/points');
    expect(all).toHaveLength(13);
    expect(all).toContainEqual([`${series}/power`, 'window', minute, 5, 'good', 4, 1, 9, 2, 8, 1e6, 8.5]);
    const none = Array(7).fill(null) as null[];
    expect(all).toContainEqual([`${series}/mode`, 'raw', minute, 'auto', 'good', ...none]);
    expect(await rows(`/api/v1/export/points?sensor=temp&from=${minute + 2e6}&to=${minute + 4e6}`)).toEqual([
      [`${series}/temp`, 'raw', minute + 2e6, 22, 'good', ...none],
      [`${series}/temp`, 'raw', minute + 3e6, 23, 'good', ...none],
    ]);
    expect(await rows('/api/v1/export/points?site=other')).toEqual([]);
    expect(await rows('/api/v1/export/points?repeats=show')).toHaveLength(13);
  });

  test('rollups', async () => {
    const { rows, store, json } = await lineWithDevice();
    await store.repairRollups(systemClock.nowUs());
    expect(await rows('/api/v1/export/rollups?tier=1m')).toEqual([
      [`${series}/mode`, minute, ...(Array(7).fill(1) as number[])],
      [`${series}/power`, minute, 20, 4, 4, 1, 9, 2, 8],
      [`${series}/temp`, minute, 245, 10, 10, 20, 29, 20, 29],
    ]);
    expect(await json('/api/v1/export/rollups')).toMatchObject({ errors: [{ parameter: 'tier' }] });
  });

  test('the content of the log', async () => {
    const { rows, log, device } = await lineWithDevice();
    await device.append(logTopics.readings.name, Buffer.from('junk'));
    const hashes = log
      .records(logTopics.readings.name)
      .map(({ value }) => createHash('sha256').update(value).digest().subarray(0, 16).toString('hex'));
    const all = await rows('/api/v1/export/log?topic=sensor-readings');
    const row = (offset: number, ...rest: unknown[]) => [expect.any(Number), offset, 'plant1', 'press-07', ...rest];
    expect(all).toEqual([
      row(0, device.epoch, 0, hashes[0], 10),
      row(1, device.epoch, 1, hashes[1], 3),
      row(2, null, null, hashes[2], 0),
    ]);
    expect(await rows('/api/v1/export/log?topic=alerts&site=plant1')).toHaveLength(1);
    expect(await rows('/api/v1/export/log?topic=alerts&site=plant2')).toEqual([]);
  });

  test('an export that breaks off does not look like one that ended', async () => {
    const { url, store, log } = await startApiLine();
    const device = new TestDevice(log, plant);
    await device.announce();
    store.points = async function* () {
      yield [{ ...plant, sensor: 'temp', form: 'raw', timeUs: 1, value: 1, quality: 'good' } as never];
      throw new Error('the disk is gone');
    };
    const response = await fetch(`${url}/api/v1/export/points`);
    expect(response.status).toBe(200);
    await expect(response.text()).rejects.toThrow();
  });

  test('while the store is away they are a problem from the start', async () => {
    const { json, store } = await startApiLine();
    store.away = true;
    expect(await json('/api/v1/export/points')).toMatchObject({ status: 503 });
  });

  test('are read at the pace of the caller, and end with him', async () => {
    const { url, store } = await startApiLine({ maxExports: 1 });
    let pages = 0;
    let ended = false;
    const page = Array.from({ length: 500 }, (_, i) => ({
      ...plant,
      sensor: 'temp',
      form: 'raw',
      timeUs: i,
      value: 1,
    }));
    store.points = async function* () {
      try {
        for (;;) {
          pages += 1;
          yield page as never;
        }
      } finally {
        ended = true;
      }
    };
    const leaving = new AbortController();
    const response = await fetch(`${url}/api/v1/export/points`, { signal: leaving.signal });
    const reader = response.body!.getReader();
    await reader.read();
    const second = await fetch(`${url}/api/v1/export/points`);
    expect([second.status, (await second.json()).type]).toEqual([503, 'urn:fieldline:problem:too-many-requests']);
    let last = -1;
    const stands = (): boolean => last === (last = pages);
    await waitFor('the pages to stop', 5000, stands, 50);
    expect(pages).toBeLessThan(2000);
    leaving.abort();
    await waitFor('the end of the reading', 2000, () => ended, 2);
    await waitFor('a free slot', 2000, async () => {
      const again = await fetch(`${url}/api/v1/export/log?topic=alerts`);
      await again.text();
      return again.status === 200;
    });
  });
});

describe('GET /api/v1/pipeline', () => {
  test('the state of the line', async () => {
    const { json } = await lineWithDevice();
    const view = await json('/api/v1/pipeline');
    expect(view).toEqual({
      timeUs: expect.any(Number) as number,
      uptimeMs: expect.any(Number) as number,
      readingsPerSecond: expect.any(Number) as number,
      latencyMs: {
        p50: expect.any(Number) as number,
        p99: expect.any(Number) as number,
        max: expect.any(Number) as number,
      },
      ...{ devicesOnline: 1, devicesTotal: 1, outboxPending: 0 },
      stages: [{ stage: 'ingest', in: 13, out: 13, dropped: 0, inFlight: 0, reasons: {} }],
      log: { lag: { ingest: 0 }, healthy: true },
      store: { healthy: true },
      rollups: { remaining: null },
    });
    expect(await json('/api/v1/pipeline?x=1')).toMatchObject({ status: 400, errors: [{ parameter: 'x' }] });
  });

  test('still answers while the log cannot tell and the store is away', async () => {
    const { json, log, store } = await startApiLine();
    store.away = true;
    log.lag = () => new Promise(() => undefined);
    expect(await json('/api/v1/pipeline')).toMatchObject({ log: { lag: { ingest: null } }, store: { healthy: false } });
  });
});

test('healthy, ready and measured', async () => {
  const { api, log } = await startApiLine();
  expect((await rawRequest(api.port, '/healthz')).status).toBe(200);
  expect(JSON.parse((await rawRequest(api.port, '/readyz')).body)).toEqual({ ready: true, reasons: [] });
  log.away = true;
  const unready = await rawRequest(api.port, '/readyz');
  expect([unready.status, JSON.parse(unready.body)]).toEqual([
    503,
    { ready: false, reasons: ['The event log cannot be reached.'] },
  ]);
  log.away = false;
  const metrics = await rawRequest(api.port, '/metrics');
  expect(metrics.headers['content-type']).toContain('text/plain; version=0.0.4');
  for (const name of ['fieldline_ingest_readings_in_total 0', 'fieldline_fleet_devices 0'])
    expect(metrics.body).toContain(name);
});
