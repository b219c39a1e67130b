import { Registry } from 'prom-client';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { cloudConfigSchema, createIngest, createServe, openStore } from '../../cloud/main.js';
import { logTopics } from '../../core/contract/log-topics.js';
import { minuteUs } from '../../core/contract/time.js';
import { openLog } from '../../core/log/open-log.js';
import { systemClock } from '../../core/runtime/clock.js';
import { parseConfig, type ConfigError } from '../../core/runtime/config.js';
import { startAll, stopAll } from '../../core/runtime/lifecycle.js';
import { silentLogger } from '../../core/runtime/logger.js';
import { rawPoint } from '../support/packs.js';
import { tempDir } from '../support/temp-dir.js';
import { TestDevice } from '../support/test-device.js';
import { waitFor } from '../servers/wait-for.js';

const config = (yaml: string) => parseConfig(cloudConfigSchema, yaml, 'fieldline.yaml');

/** The embedded cloud side in a folder, as the command puts it together. */
async function startCloud(folder: string) {
  const { log: logConfig, store: storeConfig, ...rest } = config('http: { port: 0 }');
  const data = { file: (...names: string[]) => join(folder, ...names) };
  const registry = new Registry();
  const base = { data, clock: systemClock, logger: silentLogger, registry };
  const log = openLog('embedded', logConfig, base);
  const store = openStore('embedded', storeConfig, base);
  const ingest = createIngest(rest, { ...base, log, store });
  const { rollupsRemaining, notReady } = ingest;
  const status = {
    stages: () => [ingest.status().stage],
    latency: () => ingest.status().latencyMs,
    rollupsRemaining,
    notReady,
  };
  const serve = createServe({ ...rest, store: storeConfig }, { ...base, log, store, ...status });
  await startAll([log, store]);
  await log.ensureTopics(Object.values(logTopics));
  await startAll([ingest, serve]);
  const stop = () => stopAll([log, store, ingest, serve], 4000);
  onTestFinished(stop);
  const json = async (path: string) => (await fetch(`http://127.0.0.1:${serve.port()}${path}`)).json();
  return { log, stop, json };
}

describe('the embedded cloud side', () => {
  test('carries a reading from the log to a query and a rollup, over a restart', async () => {
    const folder = await tempDir();
    const first = await startCloud(folder);
    const device = new TestDevice(first.log);
    await device.announce();
    const minute = Math.floor(systemClock.nowUs() / minuteUs) * minuteUs - 10 * minuteUs;
    await device.send(Array.from({ length: 60 }, (_, i) => rawPoint('temp', minute + i * 1e6, i)));
    const query = `/api/v1/query?series=plant1/press-07/temp&from=${minute}&to=${minute + minuteUs}`;
    const values = async (line: typeof first, tier: string): Promise<number[]> => {
      const answer = (await line.json(`${query}&tier=${tier}`)) as { series: [{ columns: { value: number[] } }] };
      return answer.series[0].columns.value;
    };
    await waitFor('the readings', 5000, async () => (await values(first, 'raw')).length === 60, 5);
    await waitFor('the rollup', 10_000, async () => (await values(first, '1m'))[0] === 29.5, 20);
    expect(await first.json('/readyz')).toEqual({ ready: true, reasons: [] });
    const pipeline = await first.json('/api/v1/pipeline');
    expect(pipeline).toMatchObject({ devicesOnline: 1, log: { lag: { ingest: 0 } }, stages: [{ in: 60, out: 60 }] });
    expect(pipeline).toMatchObject({ rollups: { remaining: expect.any(Number) as number } });
    await first.stop();

    const second = await startCloud(folder);
    await waitFor('ready', 5000, async () => ((await second.json('/readyz')) as { ready: boolean }).ready, 10);
    expect(await values(second, 'raw')).toHaveLength(60);
    expect(await second.json('/api/v1/devices')).toMatchObject({
      devices: [{ received: 1, completeness: 1, lastSeq: 0 }],
    });
    expect(await second.json('/api/v1/pipeline')).toMatchObject({ log: { lag: { ingest: 0 } }, stages: [{ in: 0 }] });
  });
});

describe('the configuration', () => {
  test('every setting has a default', () => {
    expect(config('')).toMatchObject({
      store: { retention: { rawDays: 7, '1mDays': 30, '1hDays': 365 } },
      ingest: { gatherMs: 10, maxParkedBytes: 64 * 1024 * 1024 },
      http: { host: '127.0.0.1', port: 8080, insecure: false, allowedHosts: [] },
      fleet: { silentAfterMs: 300_000 },
      rollups: { enabled: true, everyMs: 1000 },
      ops: { host: '127.0.0.1', port: 9090 },
    });
  });

  test('the cluster needs its servers named, and its secrets readable', () => {
    const base = { data: { file: join }, clock: systemClock, logger: silentLogger, registry: new Registry() };
    const bare = config('');
    const fatal = (message: RegExp) =>
      expect.objectContaining({
        name: 'FatalError',
        code: 'bad-config',
        message: expect.stringMatching(message) as string,
      });
    expect(() => openLog('cluster', bare.log, base)).toThrow(fatal(/log\.kafka\.brokers/));
    expect(() => openStore('cluster', bare.store, base)).toThrow(fatal(/store\.influx/));
    const { store } = config('store: { influx: { url: "http://127.0.0.1:8086", org: o } }');
    expect(() => openStore('cluster', store, base)).toThrow(fatal(/FIELDLINE_INFLUX_TOKEN/));
    const sasl = 'sasl: { username: u, passwordFile: /nowhere/password }';
    const { log } = config(`log: { kafka: { brokers: ["k:9092"], ${sasl} } }`);
    expect(() => openLog('cluster', log, base)).toThrow(fatal(/cannot read \/nowhere\/password/));
  });

  test('all faults are told together, with their places', () => {
    const yaml = [
      'http:',
      '  prot: 80',
      '  port: 80000',
      '  allowedHosts: ["http://x"]',
      'store:',
      '  retention: { rawDays: 60 }',
      'log:',
      '  kafka: { brokers: [localhost] }',
    ].join('\n');
    const faults = (() => {
      try {
        config(yaml);
      } catch (error) {
        return (error as ConfigError).faults.map(({ path, line }) => `${path}:${line}`);
      }
      return [];
    })();
    expect(faults.sort()).toEqual([
      'http.allowedHosts.0:4',
      'http.port:3',
      'http.prot:2',
      'log.kafka.brokers.0:8',
      'store.retention.1mDays:6',
    ]);
  });
});
