// The program of edge-agent.ts.
import { Registry } from 'prom-client';
import type { SensorDescription } from '../../core/contract/catalogue.js';
import type { Reading } from '../../core/contract/reading.js';
import { systemClock as clock } from '../../core/runtime/clock.js';
import { silentLogger as logger } from '../../core/runtime/logger.js';
import { edgeConfigSchema } from '../../edge/config.js';
import { createEdge, type Edge } from '../../edge/main.js';
import type { Sensor } from '../../edge/sensors/sensor.js';

export interface AgentLoad {
  readonly url: string;
  readonly folder: string;
  readonly channels: number;
  /** Readings a second over all channels; 0: as many as it takes. */
  readonly perSecond: number;
}

/** One line of standard output. Counts are since the start; `acknowledged` has its PUBACK. */
export interface AgentFigures {
  readonly atMs: number;
  readonly cpuUs: number;
  readonly rssBytes: number;
  readonly heapBytes: number;
  readonly readings: number;
  readonly dropped: number;
  readonly stored: number;
  readonly acknowledged: number;
  readonly packs: number;
  readonly writtenBytesPerReading: number;
}

const load = JSON.parse(process.argv[2]!) as AgentLoad;
/** Readings that the agent may hold in memory before the source waits: nothing may be dropped for want of room. */
const maxWaiting = 20_000;

/** A temperature that wanders, with noise and now and then a spike; made before, so that the source costs little. */
function series(length: number): Float64Array {
  const values = new Float64Array(length);
  let [level, state] = [20, 12_345];
  const random = () => (state = (state * 1_103_515_245 + 12_345) % 2_147_483_648) / 2_147_483_648;
  for (let i = 0; i < length; i += 1) {
    level += (random() - 0.5) * 0.05;
    values[i] = Math.round((level + (random() - 0.5) * 0.2 + (random() < 0.0005 ? 30 : 0)) * 100) / 100;
  }
  return values;
}

class LoadSensor implements Sensor {
  readonly channels: Record<string, SensorDescription> = {};
  private readonly names: string[];
  private readonly values = series(65_536);
  private next = 0;
  private lastUs = 0;

  constructor(
    private readonly perRead: number,
    private readonly edge: () => Edge,
  ) {
    this.names = Array.from({ length: load.channels }, (_, index) => `temp-${index}`);
    for (const name of this.names) this.channels[name] = edgeChannel;
  }

  start = () => Promise.resolve();
  stop = () => Promise.resolve();

  async read(): Promise<Reading[]> {
    while (load.perSecond === 0 && this.edge().status().agent.waitingPoints > maxWaiting) await clock.sleep(1);
    const readings: Reading[] = [];
    for (let i = 0; i < this.perRead; i += 1) {
      if (i % load.channels === 0) this.lastUs = Math.max(this.lastUs + 1000, clock.nowUs());
      const sensor = this.names[i % load.channels]!;
      const value = this.values[this.next++ % this.values.length]!;
      readings.push({ sensor, timeUs: this.lastUs, value, quality: 'good' });
    }
    return readings;
  }
}

const edgeChannel: SensorDescription = {
  quantity: 'temperature',
  unit: 'Cel',
  labels: {},
  interpolation: 'linear',
  maxGapUs: 600_000_000,
};

const perRead = load.perSecond === 0 ? load.channels * Math.max(1, Math.round(1000 / load.channels)) : load.channels;
const intervalMs = load.perSecond === 0 ? 1 : (load.channels / load.perSecond) * 1000;
const registry = new Registry();
const config = edgeConfigSchema.parse({
  site: 'bench',
  device: 'edge-1',
  gateway: { url: load.url, password: 'unused' },
  outbox: { directory: load.folder },
  uplink: { maxInFlight: 64 },
  sensors: [],
});
const sensor: Sensor = new LoadSensor(perRead, () => edge);
const extraSensors = [{ name: 'load', sensor, intervalMs }];
const edge = createEdge(config, { clock, logger, registry, extraSensors });

async function figures(): Promise<AgentFigures> {
  const { agent, outbox, stages } = edge.status();
  const stage = (name: string) => stages.find((each) => each.stage === name);
  const written = await registry.getSingleMetric('fieldline_edge_outbox_written_bytes_per_reading')?.get();
  const { user, system } = process.cpuUsage();
  return {
    atMs: performance.now(),
    cpuUs: user + system,
    rssBytes: process.memoryUsage.rss(),
    heapBytes: process.memoryUsage().heapUsed,
    readings: agent.in,
    dropped: stages.reduce((sum, { dropped }) => sum + dropped, 0),
    stored: agent.out,
    acknowledged: stage('edge_outbox')?.out ?? 0,
    packs: outbox.lastSeq + 1,
    writtenBytesPerReading: written?.values[0]?.value ?? Number.NaN,
  };
}

await edge.start();
const timer = setInterval(() => void figures().then((line) => console.log(JSON.stringify(line))), 1000);
process.once('SIGTERM', () => {
  clearInterval(timer);
  void edge.stop(5000).finally(() => process.exit(0));
});
