import { expect, onTestFinished } from 'vitest';
import { join } from 'node:path';
import { askCompleteness } from '../../cli/ask-completeness.js';
import type { DeviceId } from '../../core/contract/names.js';
import { loadSecret } from '../../gateway/main.js';
import type { Verdict } from '../../simulators/verify.js';
import { CertificateMaker } from '../gateway/identity/certificate-maker.js';
import { freePorts } from '../servers/free-port.js';
import { waitFor } from '../servers/wait-for.js';
import { startClusterLine, type ClusterLine } from '../support/cluster-line.js';
import {
  faultless,
  readingsStored,
  startFieldline,
  startSimulation,
  verifyJournal,
  type Simulation,
} from '../support/fieldline.js';
import { showLogsOnFailure } from '../support/show-logs.js';
import { tempDir } from '../support/temp-dir.js';
import { startTlsProxy } from '../support/tls-proxy.js';
import { startBystanders, type Bystanders } from './bystanders.js';

/** 5,000 readings a second until the faults are over: how long those take is a matter of the machine. */
function startFactory(folder: string, data: string, mqttUrl: string): Simulation {
  const load = '--sensors 5000 --every 1s --for 20m --spikes 0.01 --seed 1'.split(' ');
  return startSimulation('smart-factory', folder, [...load, '--data', data, '--mqtt', mqttUrl]);
}

/** Waits until `ingest` has stored so many more readings, so that the next fault meets a line that works. */
async function storeMore(readings: number, http: () => string, simulation: Simulation): Promise<void> {
  const before = await readingsStored(http());
  await waitFor(
    `${readings} more readings stored`,
    150_000,
    async () => (await readingsStored(http())) >= before + readings,
  );
  expect(simulation.running(), 'the fault must come in the middle of the load').toBe(true);
}

/** Ends the load, and compares its journal with the store. */
async function judge(simulation: Simulation, http: string, folder: string): Promise<Verdict> {
  simulation.end();
  const { sentReadings, ackedReadings } = await simulation.done;
  expect(ackedReadings).toBe(sentReadings);
  const verdict = await verifyJournal(simulation.journal, http, folder);
  console.log(JSON.stringify({ ...verdict, examples: verdict.examples.slice(0, 3) }));
  expect(verdict).toMatchObject(faultless);
  expect(verdict.readings.found).toBe(sentReadings);
  expect(verdict.alerts.expected).toBeGreaterThan(0);
  return verdict;
}

/** kill -9 of the one process, `kills` times, under load. */
export async function killEmbedded(kills: number): Promise<void> {
  const folder = await tempDir();
  showLogsOnFailure(folder);
  const [httpPort, mqttPort] = (await freePorts(2)) as [number, number];
  const data = `${folder}/data`;
  const args =
    `up --data ${data} --http-port ${httpPort} --mqtt-port ${mqttPort} --no-simulator --log-format json`.split(' ');
  const start = () => startFieldline({ name: 'up', args, folder, httpPort });
  let line = await start();
  onTestFinished(() => line.kill9());
  const simulation = startFactory(folder, data, `mqtt://127.0.0.1:${mqttPort}`);
  for (let kill = 0; kill < kills; kill += 1) {
    await storeMore(6_000, () => line.http, simulation);
    await line.kill9();
    line = await start();
  }
  await storeMore(6_000, () => line.http, simulation);
  await judge(simulation, line.http, folder);
  await line.terminate();
}

/** Each fault of the cluster profile; `goesOn` waits until more is stored, with the fault there or after it. */
const faults = {
  gateway: (line: ClusterLine) => line.kill9AndRestart('gateway'),
  ingest: (line: ClusterLine) => line.kill9AndRestart('ingest'),
  kafka: async ({ servers }: ClusterLine) => {
    await servers.kafka.kill9(0);
    await servers.kafka.restart(0);
  },
  oneBroker: async ({ servers }: ClusterLine, goesOn: () => Promise<void>) => {
    await servers.kafka.kill9(1);
    await goesOn();
    await servers.kafka.restart(1);
  },
  allBrokers: async ({ servers }: ClusterLine) => {
    await servers.kafka.kill9();
    await Promise.all([0, 1, 2].map((broker) => servers.kafka.restart(broker)));
  },
  frozenBroker: async ({ servers }: ClusterLine, goesOn: () => Promise<void>) => {
    servers.kafka.freeze(2);
    await goesOn().finally(() => servers.kafka.thaw(2));
  },
  influxd: async ({ servers }: ClusterLine) => {
    await servers.influxd.kill9();
    await servers.influxd.restart();
  },
};
export type ClusterFault = keyof typeof faults;

export interface KillOptions {
  readonly brokers?: 1 | 3;
  /** Connected while the faults happen; see `startBystanders`. */
  readonly bystanders?: { readonly idle: number; readonly deaf: number };
}

/** Faults of the cluster profile, one after another, under load. */
export async function killCluster(
  wanted: readonly ClusterFault[],
  { brokers = 1, bystanders }: KillOptions = {},
): Promise<void> {
  const folder = await tempDir();
  showLogsOnFailure(folder);
  const line = await startClusterLine(folder, { brokers });
  onTestFinished(() => line.stop());
  const crowd = bystanders && (await startCrowd(line, bystanders));
  const simulation = startFactory(folder, line.data, line.mqttUrl);
  const checkCrowd = () => expect(crowd?.idle()).toBe(bystanders?.idle);
  const goesOn = () => storeMore(10_000, () => line.parts.ingest.http, simulation);
  for (const fault of wanted) {
    await goesOn();
    // The idle ones end with their gateway.
    if (fault === 'gateway') checkCrowd();
    await faults[fault](line, goesOn);
  }
  await goesOn();
  if (!wanted.includes('gateway')) checkCrowd();
  const { readings } = await judge(simulation, line.parts.serve.http, folder);
  await expectComplete(line);
  const { expected: sent, acknowledged: acked, found: stored, lost, duplicated } = readings;
  console.table([{ faults: wanted.join(' '), seed: 1, sent, acked, stored, lost, duplicated }]);
}

/** The cloud is asked as by a gateway elsewhere: through a proxy with TLS and a word. */
async function expectComplete({ parts }: ClusterLine): Promise<void> {
  const maker = await CertificateMaker.in(await tempDir());
  const authorization = 'Bearer of a word';
  const target = parts.serve.http;
  const api = await startTlsProxy({ ...(await maker.server('127.0.0.1')), target, authorization });
  const authorizationFile = await maker.write('authorization', authorization);
  const ask = await askCompleteness({ api, caFile: maker.ca, authorizationFile });
  const { devices } = (await (await fetch(`${target}/api/v1/devices`)).json()) as { devices: DeviceId[] };
  expect(devices.length).toBeGreaterThan(0);
  // The ledger that it answers from may be two seconds old.
  await waitFor('all packs of all devices', 60_000, async () => {
    const told = await Promise.all(devices.map((device) => ask(device, { epoch: undefined, seq: -1 })));
    return told.every((one) => one?.holds && one.expected > 0 && one.received === one.expected);
  });
}

async function startCrowd(line: ClusterLine, { idle, deaf }: { idle: number; deaf: number }): Promise<Bystanders> {
  const secret = await loadSecret(join(line.data, 'secrets', 'device-secret'), { create: false });
  const crowd = await startBystanders({ port: Number(new URL(line.mqttUrl).port), secret, idle, deaf });
  onTestFinished(() => crowd.close());
  return crowd;
}
