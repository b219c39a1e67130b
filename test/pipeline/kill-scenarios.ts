import { expect, onTestFinished } from 'vitest';
import type { Verdict } from '../../simulators/verify.js';
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

/** Sensors of the simulated factory, each read once a second: the rate in readings/s. */
const sensors = 5000;

function startFactory(folder: string, seconds: number, data: string, mqttUrl: string): Simulation {
  const load = `--sensors ${sensors} --every 1s --for ${seconds}s --spikes 0.01`.split(' ');
  return startSimulation('smart-factory', folder, [...load, '--data', data, '--mqtt', mqttUrl]);
}

/** Waits until `ingest` has stored so many more readings, so that the next fault meets a line that works. */
async function storeMore(readings: number, http: () => string, simulation: Simulation): Promise<void> {
  const before = await readingsStored(http());
  await waitFor(
    `${readings} more readings stored`,
    90_000,
    async () => (await readingsStored(http())) >= before + readings,
  );
  expect(simulation.running(), 'the fault must come in the middle of the load').toBe(true);
}

async function judge(simulation: Simulation, seconds: number, http: string, folder: string): Promise<Verdict> {
  const readings = sensors * seconds;
  expect(await simulation.done).toMatchObject({ sentReadings: readings, ackedReadings: readings });
  const verdict = await verifyJournal(simulation.journal, http, folder);
  console.log(JSON.stringify({ ...verdict, examples: verdict.examples.slice(0, 3) }));
  expect(verdict).toMatchObject(faultless);
  expect(verdict.readings.found).toBe(readings);
  expect(verdict.alerts.expected).toBeGreaterThan(0);
  return verdict;
}

/** kill -9 of the one process, `kills` times, under load. */
export async function killEmbedded(kills: number, seconds: number): Promise<void> {
  const folder = await tempDir();
  showLogsOnFailure(folder);
  const [httpPort, mqttPort] = (await freePorts(2)) as [number, number];
  const data = `${folder}/data`;
  const args =
    `up --data ${data} --http-port ${httpPort} --mqtt-port ${mqttPort} --no-simulator --log-format json`.split(' ');
  const start = () => startFieldline({ name: 'up', args, folder, httpPort });
  let line = await start();
  onTestFinished(() => line.kill9());
  const simulation = startFactory(folder, seconds, data, `mqtt://127.0.0.1:${mqttPort}`);
  for (let kill = 0; kill < kills; kill += 1) {
    await storeMore(6_000, () => line.http, simulation);
    await line.kill9();
    line = await start();
  }
  await judge(simulation, seconds, line.http, folder);
  await line.terminate();
}

/** Each fault of the cluster profile, and how the line goes on after it. */
const faults = {
  gateway: (line: ClusterLine) => line.kill9AndRestart('gateway'),
  ingest: (line: ClusterLine) => line.kill9AndRestart('ingest'),
  kafka: async ({ servers }: ClusterLine) => {
    await servers.kafka.kill9(0);
    await servers.kafka.restart(0);
  },
  influxd: async ({ servers }: ClusterLine) => {
    await servers.influxd.kill9();
    await servers.influxd.restart();
  },
};
export type ClusterFault = keyof typeof faults;

/** kill -9 of parts of the cluster profile, one after another, under load. */
export async function killCluster(wanted: readonly ClusterFault[], seconds: number): Promise<void> {
  const folder = await tempDir();
  showLogsOnFailure(folder);
  const line = await startClusterLine(folder);
  onTestFinished(() => line.stop());
  const simulation = startFactory(folder, seconds, line.data, line.mqttUrl);
  for (const fault of wanted) {
    await storeMore(10_000, () => line.parts.ingest.http, simulation);
    await faults[fault](line);
  }
  await judge(simulation, seconds, line.parts.serve.http, folder);
}
