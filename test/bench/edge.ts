/*
 * What one edge agent takes: readings a second on one core, CPU a reading, memory at 1,000 readings/s, commits of the
 * outbox, bytes on disk and on the wire, the detector's work. Sources of known load, default filters, synced outbox on
 * disk, a real broker.
 *
 *   npm run bench:edge -- [--json] [--quick]
 */
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import mqtt from 'mqtt';
import { systemClock as clock } from '../../core/runtime/clock.js';
import { silentLogger as logger } from '../../core/runtime/logger.js';
import { messageOf } from '../../core/runtime/errors.js';
import { LevelOutbox } from '../../edge/outbox/level-outbox.js';
import { startMosquitto } from '../servers/mosquitto.js';
import { benchOptions, printResult, round, type BenchResult } from './bench-output.js';
import type { AgentFigures, AgentLoad } from './edge-load.js';
import { runTelegraf } from './telegraf.js';

const options = benchOptions(process.argv);
const [warmUpS, measureS, steadyS] = options.quick ? [2, 5, 8] : [10, 40, 60];
const agentFile = fileURLToPath(new URL('./edge-agent.js', import.meta.url));
const canPin = spawnSync('taskset', ['--version']).status === 0;

/** Runs the agent and hands over its lines; resolves with the first line after the warm-up and the last one. */
async function runAgent(load: AgentLoad, seconds: number, onWarm: () => void = () => undefined) {
  const command = [...(canPin ? ['taskset', '-c', '0'] : []), process.execPath, agentFile, JSON.stringify(load)];
  const child = spawn(command[0]!, command.slice(1), { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines: AgentFigures[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(JSON.parse(line) as AgentFigures);
    if (lines.length === warmUpS) onWarm();
    if (lines.length === warmUpS + seconds) child.kill('SIGTERM');
  });
  await once(child, 'exit');
  const measured = lines.slice(warmUpS - 1, warmUpS + seconds);
  const [first, last] = [measured[0], measured.at(-1)];
  if (!first || !last || measured.length < seconds) throw new Error(`the agent ended after ${lines.length} s`);
  const readings = last.acknowledged - first.acknowledged;
  return {
    readingsPerSecond: Math.round((readings / (last.atMs - first.atMs)) * 1000),
    cpuUsPerReading: round((last.cpuUs - first.cpuUs) / readings, 2),
    cpuShare: round((last.cpuUs - first.cpuUs) / 1000 / (last.atMs - first.atMs), 2),
    rssMb: round(last.rssBytes / 2 ** 20),
    peakRssMb: round(Math.max(...measured.map(({ rssBytes }) => rssBytes)) / 2 ** 20),
    dropped: last.dropped,
    readings,
    packs: last.packs - first.packs,
    writtenBytesPerReading: round(last.writtenBytesPerReading, 1),
  };
}

/** Counts what the broker forwards of the device's data. */
async function countWire(url: string) {
  const client = await mqtt.connectAsync(url);
  const wire = { bytes: 0, packs: 0 };
  client.on('message', (_topic, payload) => {
    wire.bytes += payload.byteLength;
    wire.packs += 1;
  });
  await client.subscribeAsync('fieldline/+/+/data', { qos: 0 });
  const restart = () => Object.assign(wire, { bytes: 0, packs: 0 });
  return { wire, restart, end: () => client.endAsync(true) };
}

/** Appends of 2 kB packs: one after another, each its own synced commit; and many at once, which share commits. */
async function commits(folder: string) {
  const thinner = { thin: () => undefined, tombstone: () => Buffer.alloc(64) };
  const outbox = new LevelOutbox({
    directory: folder,
    maxBytes: 256 * 2 ** 20,
    reserveBytes: 16 * 2 ** 20,
    clock,
    logger,
    random: randomBytes,
    thinner,
  });
  await outbox.start();
  const payload = randomBytes(2048);
  const entry = { lane: 'data' as const, readings: 300, encode: () => payload };
  const forMs = options.quick ? 2000 : 8000;
  const rate = async (atOnce: number) => {
    const startMs = performance.now();
    let done = 0;
    while (performance.now() - startMs < forMs) {
      const seqs = await Promise.all(Array.from({ length: atOnce }, () => outbox.append([entry])));
      await outbox.acknowledge(seqs.flat());
      done += atOnce;
    }
    return Math.round((done / (performance.now() - startMs)) * 1000);
  };
  const [syncedCommitsPerSecond, sharedAppendsPerSecond] = [await rate(1), await rate(64)];
  await outbox.stop(1000);
  return { syncedCommitsPerSecond, sharedAppendsPerSecond };
}

/** The figures of bench:detect, from a process of its own: nothing else shall stand in its way. */
function detector(): unknown {
  const file = fileURLToPath(new URL('./detect.js', import.meta.url));
  const { stdout } = spawnSync(process.execPath, [file, '--json', '--quick'], { encoding: 'utf8' });
  return (JSON.parse(stdout.trim().split('\n').at(-1)!) as BenchResult).details;
}

const folder = mkdtempSync(join(tmpdir(), 'fieldline-bench-edge-'));
const broker = await startMosquitto();
try {
  const counter = await countWire(broker.url);
  console.error(`saturated: 200 channels, ${measureS} s after ${warmUpS} s${canPin ? ', on one core' : ''}`);
  const url = broker.url;
  const full = await runAgent({ url, folder: join(folder, 'full'), channels: 200, perSecond: 0 }, measureS);
  console.error(`steady: 1,000 readings/s, ${steadyS} s`);
  const steady = await runAgent(
    { url, folder: join(folder, 'steady'), channels: 200, perSecond: 1000 },
    steadyS,
    counter.restart,
  );
  const wireBytesPerReading = round(counter.wire.bytes / steady.readings, 1);
  await counter.end();
  const outbox = await commits(join(folder, 'commits'));
  // Both at one rate, far below what either can do: what counts is the work for a reading.
  const [channels, intervalMs] = [2000, 100];
  const perSecond = (channels * 1000) / intervalMs;
  console.error(`beside Telegraf: ${perSecond} readings/s, ${measureS} s each`);
  const ours = await runAgent({ url, folder: join(folder, 'beside'), channels, perSecond }, measureS);
  const peer = await runTelegraf({ url, folder: join(folder, 'peer'), channels, intervalMs, warmUpS, measureS }).catch(
    (error: unknown) => {
      console.error(`no peer: ${messageOf(error)}`);
      return undefined;
    },
  );
  const details = {
    goal: { readingsPerSecond: 150_000, rssMbAt1000PerSecond: 90 },
    oneCore: canPin,
    saturated: full,
    steady: { ...steady, wireBytesPerReading },
    outbox,
    detector: detector(),
    beside: { perSecond, ours, telegraf: peer ?? null },
  };
  const value = full.readingsPerSecond;
  const name = peer ? `telegraf ${peer.version}, CPU time a reading` : null;
  const ratio = peer ? round(peer.cpuUsPerReading / ours.cpuUsPerReading, 2) : null;
  printResult({ bench: 'edge', value, unit: 'readings/s on one core', peer: name, ratio, details }, options);
} finally {
  await broker.stop();
  rmSync(folder, { recursive: true, force: true });
}
