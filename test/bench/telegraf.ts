import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import mqtt from 'mqtt';
import { ensureServer } from '../servers/ensure.js';
import { pause } from '../servers/wait-for.js';
import { processUsage } from './process-usage.js';

export interface PeerLoad {
  /** The broker. */
  readonly url: string;
  readonly folder: string;
  readonly channels: number;
  readonly intervalMs: number;
  readonly warmUpS: number;
  readonly measureS: number;
}

/**
 * Telegraf with as many mock sensors, QoS 1 batches in line protocol to the same broker, its buffer in memory (its disk
 * buffer brought a few percent of the readings at this rate). It marks no spikes and syncs nothing to disk.
 */
export async function runTelegraf({ url, folder, channels, intervalMs, warmUpS, measureS }: PeerLoad) {
  const { path, version } = await ensureServer('telegraf', (line) => console.error(line));
  mkdirSync(folder, { recursive: true });
  const file = join(folder, 'telegraf.conf');
  writeFileSync(file, configuration(url, channels, intervalMs));
  const seen = await countLines(url, 'peer/telegraf');
  const child = spawn(path, ['--config', file], { stdio: 'ignore', env: { ...process.env, GOMAXPROCS: '1' } });
  try {
    await pause(warmUpS * 1000);
    const before = { usage: processUsage(child.pid!), readings: seen.count() };
    await pause(measureS * 1000);
    const usage = processUsage(child.pid!);
    const readings = seen.count() - before.readings;
    if (readings === 0) throw new Error('telegraf sent nothing');
    const cpuUsPerReading = ((usage.cpuSeconds - before.usage.cpuSeconds) / readings) * 1e6;
    return { version, readingsPerSecond: Math.round(readings / measureS), cpuUsPerReading, rssMb: usage.rssMb };
  } finally {
    child.kill('SIGTERM');
    await seen.end();
  }
}

function configuration(url: string, channels: number, intervalMs: number): string {
  const head = [
    '[agent]',
    `  interval = "${intervalMs}ms"`,
    `  flush_interval = "${intervalMs}ms"`,
    '  metric_batch_size = 500',
    '  metric_buffer_limit = 100000',
    '  omit_hostname = true',
    '[[outputs.mqtt]]',
    `  servers = ["${url.replace('mqtt:', 'tcp:')}"]`,
    '  topic = "peer/telegraf"',
    '  layout = "batch"',
    '  qos = 1',
    '  data_format = "influx"',
  ];
  const sensor = (index: number) => [
    '[[inputs.mock]]',
    '  metric_name = "temperature"',
    '  [inputs.mock.tags]',
    `    sensor = "temp-${index}"`,
    '  [[inputs.mock.random]]',
    '    name = "value"',
    '    min = 19.0',
    '    max = 21.0',
  ];
  return [...head, ...Array.from({ length: channels }, (_, index) => sensor(index)).flat()].join('\n');
}

async function countLines(url: string, topic: string) {
  const client = await mqtt.connectAsync(url);
  let lines = 0;
  client.on('message', (_topic, payload) => {
    for (const byte of payload) if (byte === 0x0a) lines += 1;
  });
  await client.subscribeAsync(topic, { qos: 0 });
  return { count: () => lines, end: () => client.endAsync(true) };
}
