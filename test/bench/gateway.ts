/*
 * What the gateway takes, over a real Kafka with acks=all: devices with one reading in a message and with a hundred,
 * QoS 1, passwords, access rules and validation on. Beside it in the same run mosquitto + Telegraf, which acknowledge
 * before Kafka has anything and check nothing, and our own gateway as if it did not wait for the log.
 *
 *   npm run bench:gateway -- [--json] [--quick]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { logTopics } from '../../core/contract/log-topics.js';
import { messageOf } from '../../core/runtime/errors.js';
import { startKafka } from '../servers/kafka.js';
import { startChild } from './bench-child.js';
import { benchOptions, printResult, round } from './bench-output.js';
import { Contender, type Measured, type Target } from './gateway-contender.js';
import { readingsIn, type LoadKind } from './gateway-messages.js';
import { startPeer } from './gateway-peer.js';
import type { GatewayStart } from './gateway-process.js';
import { closeAdmins, makeTopic } from './kafka-count.js';

const options = benchOptions(process.argv);
const only = process.argv.find((argument) => argument.startsWith('--only='))?.slice('--only='.length);
const devices = 500;
const secret = 'a secret of the bench, 32 bytes long';
/** Seconds: of the rising load, of warming up, at the sustained rate, at others. */
const [riseS, warmS, holdS, shortS] = options.quick ? [2, 1, 2, 1] : [6, 1.5, 30, 4];
/** How far above what a rising load came to a higher rate is tried. */
const highest = options.quick ? 1.2 : 2.5;
const peerTopic = 'peer-readings';
const unackedName = 'gateway that does not wait';
const goals = { ratio: 1.5, p99MsAtHalf: 100, p99MsAtSustained: 400, cpuShareOfPeer: 0.8, packReadingsPerSecond: 1e6 };

interface Standing {
  readonly sustained: Measured | null;
  readonly half: Measured | null;
  readonly counted: Awaited<ReturnType<Contender['count']>>;
  readonly atPeersBest?: Measured;
}

const say = (line: string): void => console.error(line);

/** The rate that is held, at most what a rising load came to; then half of it. */
async function stand(name: string, kind: LoadKind, target: Target, peersBest?: number): Promise<Standing> {
  const contender = await Contender.connect(target, { devices, kind, secret });
  try {
    // To 60,000 messages with one reading, or 12,000 with a hundred.
    const from = kind === 'single' ? 4000 : 800;
    const limit = await contender.findLimit(from, 15 ** (1 / riseS), riseS);
    say(`  ${name}, ${kind}: a rising load came to ${Math.round(limit)}/s`);
    let rate = limit * 0.9;
    for (let isHeld = true; isHeld && rate < highest * limit; rate *= isHeld ? 1.2 : 1 / 1.2) {
      isHeld = (await contender.measure(rate, warmS, shortS)).sustained;
    }
    // The two that are compared are held for long.
    const isCompared = kind === 'single' && name !== unackedName;
    let sustained: Measured | null = null;
    for (let tries = 0; sustained === null && tries < 5; tries += 1, rate /= 1.1) {
      const tried = await contender.measure(rate / 1.05, warmS, isCompared ? holdS : Math.min(holdS, 6));
      say(`  ${name}, ${kind}: ${JSON.stringify(tried)}`);
      if (tried.sustained) sustained = tried;
    }
    const half = sustained && isCompared ? await contender.measure(sustained.inLogPerSecond / 2, warmS, shortS) : null;
    const beside = peersBest === undefined ? {} : { atPeersBest: await contender.measure(peersBest, warmS, shortS) };
    return { sustained, half, counted: await contender.count(), ...beside };
  } finally {
    await contender.end();
  }
}

async function ours(name: string, kind: LoadKind, unacked: boolean, peersBest?: number): Promise<Standing> {
  const child = startChild('./gateway-process.js');
  try {
    const config = { mqtt: { port: 0 } };
    const start: GatewayStart = { brokers: kafka.bootstrap, secret, unacked, config };
    const { port } = await child.ask<{ port: number }>(start);
    const target = { port, pids: [child.pid], brokers: kafka.bootstrap, topic: logTopics.readings.name };
    return await stand(name, kind, target, peersBest);
  } finally {
    await child.end();
  }
}

async function peer(kind: LoadKind): Promise<Standing | undefined> {
  const running = await startPeer(kafka.bootstrap, peerTopic, folder).catch((error: unknown) => {
    say(`no peer: ${messageOf(error)}`);
    return undefined;
  });
  if (!running) return undefined;
  peerName = running.name;
  try {
    const { port, pids } = running;
    return await stand(running.name, kind, { port, pids, brokers: kafka.bootstrap, topic: peerTopic });
  } finally {
    await running.end();
  }
}

const folder = mkdtempSync(join(tmpdir(), 'fieldline-bench-gateway-'));
const kafka = await startKafka({ optimised: true });
let peerName: string | undefined;
try {
  const { name: _, partitions } = logTopics.readings;
  await makeTopic(kafka.bootstrap, peerTopic, partitions);
  const wanted = (part: string): boolean => only === undefined || only.split(',').includes(part);
  const single = {
    peer: wanted('peer') ? await peer('single') : undefined,
    gateway: undefined as Standing | undefined,
    unacked: undefined as Standing | undefined,
  };
  const peersBest = single.peer?.sustained?.inLogPerSecond;
  if (wanted('gateway')) single.gateway = await ours('gateway', 'single', false, peersBest);
  if (options.quick ? only?.includes('unacked') : wanted('unacked'))
    single.unacked = await ours(unackedName, 'single', true);
  const packs: Partial<Record<LoadKind, Standing>> = {};
  for (const kind of options.quick ? (['deflated-pack'] as const) : (['pack', 'deflated-pack'] as const)) {
    if (wanted(kind)) packs[kind] = await ours('gateway', kind, false);
  }
  const value = single.gateway?.sustained?.inLogPerSecond ?? 0;
  const share = (a?: Measured, b?: Measured | null) =>
    a && b && round(a.cpuSecondsPerMillion / b.cpuSecondsPerMillion, 2);
  const readings = Object.entries(packs).map(([kind, { sustained }]) => [
    kind,
    (sustained?.inLogPerSecond ?? 0) * readingsIn[kind as LoadKind],
  ]);
  const details = {
    goals,
    devices,
    cpuShareOfPeer: share(single.gateway?.atPeersBest, single.peer?.sustained) ?? null,
    packReadingsPerSecond: Object.fromEntries(readings) as Record<string, number>,
    single,
    packs,
  };
  const ratio = peersBest === undefined ? null : round(value / peersBest, 2);
  printResult({ bench: 'gateway', value, unit: 'messages/s', peer: peerName ?? null, ratio, details }, options);
} finally {
  await closeAdmins();
  await kafka.stop();
  rmSync(folder, { recursive: true, force: true });
}
