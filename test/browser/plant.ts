import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Registry } from 'prom-client';
import { Ingest } from '../../cloud/ingest/ingest.js';
import { Parking } from '../../cloud/ingest/parking.js';
import { Roller } from '../../cloud/rollups/roller.js';
import { ApiServer } from '../../cloud/serve/api-server.js';
import { Fleet } from '../../cloud/serve/fleet.js';
import { DuckDBStore } from '../../cloud/store/duckdb-store.js';
import { defaultRetention } from '../../cloud/store/store.js';
import type { Alert } from '../../core/contract/alert.js';
import { logTopics } from '../../core/contract/log-topics.js';
import type { Point, Quality } from '../../core/contract/reading.js';
import { LocalLog } from '../../core/log/local-log.js';
import type { LogRecord } from '../../core/log/log.js';
import { systemClock } from '../../core/runtime/clock.js';
import { startAll, stopAll, type Part } from '../../core/runtime/lifecycle.js';
import { silentLogger } from '../../core/runtime/logger.js';
import { TestDevice } from '../support/test-device.js';
import type { PlantDevice } from './plant-devices.js';

/** The console as the build makes it. */
export const assetsDir = fileURLToPath(new URL('../../dist/cloud/console/assets', import.meta.url)).replace(
  '/dist/dist/',
  '/dist/',
);

export interface PlantOptions {
  readonly folder: string;
  readonly devices: readonly PlantDevice[];
  /** Readings of so many seconds are there at the start. */
  readonly historyS: number;
  readonly port: number;
}

/**
 * The embedded line from the log to the HTTP API, with devices that put a reading of each sensor into the log every
 * second, as the gateway would. The API can be taken away and given back.
 */
export class Plant implements Part {
  readonly devices: readonly { readonly plan: PlantDevice; readonly device: TestDevice }[];
  private readonly line: readonly Part[];
  private readonly log: LocalLog;
  private readonly makeApi: () => ApiServer;
  private api: ApiServer | undefined;
  private timer: NodeJS.Timeout | undefined;
  private sending: Promise<unknown> = Promise.resolve();
  private readonly silent = new Set<string>();

  constructor(private readonly options: PlantOptions) {
    const { folder, port } = options;
    const registry = new Registry();
    const [clock, logger] = [systemClock, silentLogger];
    const log = (this.log = new LocalLog({ directory: join(folder, 'log'), clock, logger }));
    const store = new DuckDBStore({
      file: join(folder, 'series.duckdb'),
      retention: defaultRetention,
      clock,
      logger,
      threads: 1,
    });
    const parking = new Parking({ path: join(folder, 'parking'), maxBytes: 1e7, maxBytesPerDevice: 1e6 });
    const seams = { log, store, clock, logger, registry };
    const ingest = new Ingest({ ...seams, parking, gatherMs: 20 });
    const fleet = new Fleet(seams);
    this.line = [store, log, new Topics(log), new Roller({ store, clock, logger }), ingest, fleet];
    this.devices = options.devices.map((plan) => ({ plan, device: new TestDevice(log, plan.catalogue) }));
    const status = () => ingest.status();
    this.makeApi = () =>
      new ApiServer({
        ...seams,
        registry: new Registry(),
        fleet,
        port,
        assetsDir,
        stages: () => [status().stage],
        latency: () => status().latencyMs,
        rollupsRemaining: () => 0,
      });
  }

  get url(): string {
    return `http://127.0.0.1:${this.options.port}`;
  }

  async start(): Promise<void> {
    await startAll(this.line);
    const nowUs = systemClock.nowUs();
    for (const entry of this.devices) await this.backfill(entry, nowUs);
    await this.giveApi();
    this.timer = setInterval(() => (this.sending = this.sending.then(() => this.tick())), 1000);
  }

  async stop(deadlineMs: number): Promise<void> {
    clearInterval(this.timer);
    await this.sending;
    await this.takeApi();
    await stopAll(this.line, deadlineMs);
  }

  async giveApi(): Promise<void> {
    this.api ??= this.makeApi();
    await this.api.start();
  }

  async takeApi(): Promise<void> {
    await this.api?.stop(200);
    this.api = undefined;
  }

  /** The device whose name is `name`. */
  device(name: string): TestDevice {
    return this.devices.find(({ plan }) => plan.catalogue.device === name)!.device;
  }

  /** The device sends no more, and says goodbye. */
  async hush(name: string): Promise<void> {
    this.silent.add(name);
    await this.device(name).goOffline();
  }

  async alert(name: string, over: Partial<Alert>): Promise<void> {
    const sensor = Object.keys(this.device(name).catalogue.sensors)[0]!;
    const timeUs = systemClock.nowUs();
    await this.device(name).alert({
      ...{ sensor, rule: 'high', state: 'raised', severity: 'warning', timeUs, value: 81.2, threshold: 80 },
      message: 'above its limit',
      ...over,
    });
  }

  /** What gateways and devices write into `device-events`. */
  tell(records: readonly LogRecord[]): Promise<void> {
    return this.log.append(logTopics.deviceEvents.name, records);
  }

  private async backfill({ plan, device }: { plan: PlantDevice; device: TestDevice }, nowUs: number): Promise<void> {
    await device.announce(nowUs);
    const { historyS } = this.options;
    for (let agoS = historyS; agoS > 0; agoS -= 30) {
      const times = Array.from({ length: Math.min(30, agoS) }, (_, index) => nowUs - (agoS - index) * 1e6);
      await device.send(times.flatMap((timeUs) => readings(plan, timeUs)));
    }
    await device.beat(nowUs);
  }

  private async tick(): Promise<void> {
    const nowUs = systemClock.nowUs();
    const speaking = this.devices.filter(({ plan }) => !this.silent.has(plan.catalogue.device));
    await Promise.all(
      speaking.map(async ({ plan, device }) => {
        await device.send(readings(plan, nowUs));
        if (device.nextSeq % 10 === 0) await device.beat(nowUs, device.nextSeq % 3, 3_400_000);
      }),
    );
  }
}

function readings({ signals }: PlantDevice, timeUs: number): Point[] {
  return Object.entries(signals).map(([sensor, signal], index) => ({
    sensor,
    timeUs,
    value: signal(timeUs),
    quality: qualityAt(index, timeUs),
    form: 'raw',
  }));
}

/** A reading now and then is not good, so that its mark can be seen. */
function qualityAt(index: number, timeUs: number): Quality {
  return index === 0 && Math.floor(timeUs / 1e6) % 97 === 0 ? 'spike' : 'good';
}

class Topics implements Part {
  constructor(private readonly log: LocalLog) {}

  start(): Promise<void> {
    return this.log.ensureTopics(Object.values(logTopics));
  }

  async stop(): Promise<void> {
    // The topics stay.
  }
}
