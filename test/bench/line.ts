/*
 * How long a reading takes from the stamp of `Sensor.read` to the first HTTP answer that contains it, through full edge
 * agents (default filters, synced outbox), on both profiles: 1,000 series, 5,000 readings/s.
 *
 *   npm run bench:line -- [--json] [--quick] [--profile embedded|cluster]
 */
import { Agent, request } from 'node:http';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../core/runtime/clock.js';
import { freePorts } from '../servers/free-port.js';
import { pause } from '../servers/wait-for.js';
import { startFieldline, writeConfig, type Running } from '../support/fieldline.js';
import { startClusterServers, type ClusterServers } from '../support/cluster-servers.js';
import { benchOptions, percentile, printResult, round } from './bench-output.js';
import { processUsage } from './process-usage.js';

const options = benchOptions(process.argv);
const profileArgument = process.argv[process.argv.indexOf('--profile') + 1];
const profiles: readonly ('embedded' | 'cluster')[] =
  profileArgument === 'embedded' || profileArgument === 'cluster' ? [profileArgument] : ['embedded', 'cluster'];
const devices = 10;
const sensorsPerDevice = 100;
const everyMs = 200;
const warmUpMs = options.quick ? 5_000 : 15_000;
const measureMs = options.quick ? 10_000 : 60_000;
/** The most that the latency may be, by the project's goals. */
const goalMs = { embedded: 300, cluster: 500 } as const;

interface Measured {
  readonly probes: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  readonly goalP99: number;
  readonly readingsPerSecond: number;
  readonly longestPollGapMs: number;
  readonly rssMb: number;
  readonly peakRssMb: number;
  readonly cpuSecondsPerMillionReadings: number;
}

async function measure(profile: 'embedded' | 'cluster'): Promise<Measured> {
  const folder = mkdtempSync(join(tmpdir(), 'fieldline-bench-'));
  let servers: ClusterServers | undefined;
  let line: Running | undefined;
  try {
    if (profile === 'cluster') servers = await startClusterServers({ optimised: true });
    const [httpPort, mqttPort] = (await freePorts(2)) as [number, number];
    const simulator = { site: 'bench', sensors: devices * sensorsPerDevice, sensorsPerDevice, every: `${everyMs}ms` };
    const config = writeConfig(folder, { profile, simulator, edge: { enabled: false }, ...servers?.config });
    const args = [
      'up',
      '--config',
      config,
      '--data',
      join(folder, 'data'),
      '--http-port',
      `${httpPort}`,
      '--mqtt-port',
      `${mqttPort}`,
      '--log-format',
      'json',
    ];
    line = await startFieldline({ name: 'up', args, folder, httpPort, readyWithinMs: 60_000 });
    return await probe(line, goalMs[profile]);
  } finally {
    await line?.terminate();
    await servers?.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function probe(line: Running, goalP99: number): Promise<Measured> {
  const series = await someSeries(line.http, 4);
  await pause(warmUpMs);
  const poller = new Poller(line.http, series);
  await poller.run(500);
  const before = { usage: processUsage(line.pid), stored: await stored(line.http), atMs: performance.now() };
  await poller.run(measureMs, true);
  const after = { usage: processUsage(line.pid), stored: await stored(line.http), atMs: performance.now() };
  const readings = after.stored - before.stored;
  const latencies = poller.latenciesMs.sort((a, b) => a - b);
  return {
    probes: latencies.length,
    p50: round(percentile(latencies, 0.5)),
    p99: round(percentile(latencies, 0.99)),
    max: round(latencies.at(-1) ?? Number.NaN),
    goalP99,
    readingsPerSecond: round((readings / (after.atMs - before.atMs)) * 1000),
    longestPollGapMs: round(poller.longestGapMs),
    rssMb: round(after.usage.rssMb),
    peakRssMb: round(after.usage.peakRssMb),
    cpuSecondsPerMillionReadings: round(((after.usage.cpuSeconds - before.usage.cpuSeconds) / readings) * 1e6),
  };
}

/** Asks for the newest points of a few series, at most 10 ms after the last answer, and notes when each was first seen. */
class Poller {
  readonly latenciesMs: number[] = [];
  longestGapMs = 0;
  private readonly newestUs = new Map<string, number>();
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(
    private readonly http: string,
    private readonly series: readonly string[],
  ) {}

  async run(forMs: number, record = false): Promise<void> {
    const endMs = performance.now() + forMs;
    let lastMs = performance.now();
    while (performance.now() < endMs) {
      await this.poll(record);
      if (record) this.longestGapMs = Math.max(this.longestGapMs, performance.now() - lastMs);
      lastMs = performance.now();
      await pause(5);
    }
  }

  private async poll(record: boolean): Promise<void> {
    const fromUs = systemClock.nowUs() - 3_000_000;
    const query = this.series.map((name) => `series=${encodeURIComponent(name)}`).join('&');
    const body = await this.get(`/api/v1/query?${query}&tier=raw&from=${fromUs}&limit=50`);
    const seenUs = systemClock.nowUs();
    const answer = JSON.parse(body) as { series: { series: string; columns: { timeUs: number[] } }[] };
    for (const { series, columns } of answer.series) {
      const newest = this.newestUs.get(series);
      for (const timeUs of columns.timeUs) {
        if (record && newest !== undefined && timeUs > newest) this.latenciesMs.push((seenUs - timeUs) / 1000);
      }
      this.newestUs.set(series, Math.max(newest ?? 0, columns.timeUs.at(-1) ?? 0));
    }
  }

  private get(path: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const call = request(new URL(path, this.http), { agent: this.agent }, (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (body += chunk));
        response.on('end', () =>
          response.statusCode === 200 ? resolve(body) : reject(new Error(`${response.statusCode}: ${body}`)),
        );
      });
      call.on('error', reject);
      call.end();
    });
  }
}

async function someSeries(http: string, count: number): Promise<string[]> {
  for (;;) {
    const answer = (await (await fetch(`${http}/api/v1/series?site=bench&limit=1000`)).json()) as {
      series: { series: string; device: string }[];
    };
    const byDevice = new Map(answer.series.map(({ device, series }) => [device, series]));
    if (byDevice.size >= count) return [...byDevice.values()].slice(0, count);
    await pause(200);
  }
}

async function stored(http: string): Promise<number> {
  const { stages } = (await (await fetch(`${http}/api/v1/pipeline`)).json()) as {
    stages: { stage: string; out: number }[];
  };
  return stages.find(({ stage }) => stage === 'ingest')?.out ?? 0;
}

const details: Record<string, Measured> = {};
for (const profile of profiles) {
  console.error(
    `${profile}: ${devices * sensorsPerDevice} series, ${(devices * sensorsPerDevice * 1000) / everyMs} readings/s, ${measureMs / 1000} s after ${warmUpMs / 1000} s of warm-up`,
  );
  details[profile] = await measure(profile);
}
const first = details[profiles[0]!]!;
printResult({ bench: 'line', value: first.p99, unit: 'ms (p99)', peer: null, ratio: null, details }, options);
