import fc from 'fast-check';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { Ingest, ingestGroup, ingestTopics } from '../../../cloud/ingest/ingest.js';
import { Parking } from '../../../cloud/ingest/parking.js';
import { DuckDBStore } from '../../../cloud/store/duckdb-store.js';
import { defaultRetention } from '../../../cloud/store/store.js';
import { logTopics } from '../../../core/contract/log-topics.js';
import type { Point } from '../../../core/contract/reading.js';
import { uptimeStamp } from '../../../core/contract/uptime-stamps.js';
import { systemClock } from '../../../core/runtime/clock.js';
import { silentLogger } from '../../../core/runtime/logger.js';
import { FaultyStore } from '../../support/faulty-store.js';
import { MemoryLog } from '../../support/memory-log.js';
import { rawPoint, testCatalogue } from '../../support/packs.js';
import { TestDevice } from '../../support/test-device.js';
import { waitFor } from '../../servers/wait-for.js';

const startUs = Math.floor(systemClock.nowUs() / 1e6) * 1e6 - 3600e6;
const deviceCount = 3;
const device = fc.nat(deviceCount - 1);

type Action =
  | { do: 'send' | 'unsynced' | 'clock' | 'resend' | 'announce' | 'junk' | 'mismatch'; device: number }
  | { do: 'away' | 'back' | 'fail' | 'kill' | 'restart'; device?: undefined };

const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('send' as const), device }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('unsynced', 'clock'), device }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('resend', 'announce', 'junk', 'mismatch'), device }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('away', 'back', 'fail', 'kill', 'restart') }) },
);

/** Boots do not share a time at which their monotonic clocks began. */
const offsetUs = (boot: number): number => startUs - 1e6 * (boot + 1);
const bootId = (boot: number): string => String(boot).padStart(32, 'b');
const unsynced = (point: Point, boot: number): Point => ({
  ...point,
  timeUs: uptimeStamp(point.timeUs - offsetUs(boot)),
});

/** The line under random faults, beside a model of what must come out of it. */
class Line {
  readonly expected = new Set<string>();
  setAside = 0;
  private readonly log = new MemoryLog();
  private readonly store: FaultyStore;
  private readonly devices: TestDevice[];
  private readonly last: Buffer[] = [];
  private nextUs = startUs;
  /** The number of each device's boot that does not know the time. */
  private readonly boots = Array<number>(deviceCount).fill(0);
  private ingest!: Ingest;

  constructor(private readonly folder: string) {
    const file = join(folder, 'series.duckdb');
    const options = { file, retention: defaultRetention, clock: systemClock, logger: silentLogger };
    this.store = new FaultyStore(new DuckDBStore(options));
    this.devices = Array.from(
      { length: deviceCount },
      (_, i) => new TestDevice(this.log, testCatalogue(['temp', 'power'], 'plant1', `d${i}`)),
    );
  }

  async start(): Promise<void> {
    await this.log.start();
    await this.log.ensureTopics(Object.values(logTopics));
    await this.store.start();
    await this.startIngest();
  }

  async stop(): Promise<void> {
    await this.ingest.stop(500);
    await this.store.stop(1000);
  }

  async act({ do: what, device }: Action): Promise<void> {
    const sender = this.devices[device ?? 0]!;
    switch (what) {
      case 'send':
        return this.send(sender, true);
      case 'mismatch':
        return this.send(sender, false);
      case 'unsynced':
        return this.send(sender, true, this.boots[device ?? 0]);
      case 'clock':
        await this.tellClock(sender, this.boots[device ?? 0]!);
        this.boots[device ?? 0]! += 1;
        return;
      case 'resend':
        return this.resend(device ?? 0);
      case 'announce':
        return sender.announce();
      case 'junk':
        this.setAside += 1;
        return sender.append(logTopics.readings.name, Buffer.from('junk'));
      case 'away':
      case 'back':
        this.store.away = what === 'away';
        return;
      case 'fail': {
        const failing = this.store.tries + 1;
        this.store.fault = () => (this.store.tries === failing ? new Error('a fault of ours') : undefined);
        return;
      }
      case 'kill':
        this.log.crash();
        await this.ingest.stop(20);
        return this.startIngest();
      case 'restart':
        await this.ingest.stop(40);
        return this.startIngest();
    }
  }

  /** Ends all faults, tells of all catalogues and clocks, and waits until nothing is on its way. */
  async settle(): Promise<void> {
    this.store.away = false;
    this.store.fault = () => undefined;
    for (const [i, one] of this.devices.entries()) {
      await one.announce();
      for (let boot = 0; boot <= this.boots[i]!; boot += 1) await this.tellClock(one, boot);
    }
    await waitFor('the end of all that is on its way', 10_000, async () => {
      const lag = await this.log.lag(ingestGroup, ingestTopics);
      return lag === 0 && this.ingest.status().parked.records === 0 && this.balanced();
    });
  }

  async stored(): Promise<string[]> {
    const all: string[] = [];
    for await (const page of this.store.points({}, { fromUs: 0, toUs: 2 ** 52 })) {
      for (const { device, sensor, timeUs } of page) all.push(`${device} ${sensor} ${timeUs}`);
    }
    return all.sort();
  }

  setAsideSources(): Set<string> {
    return new Set(this.log.records(logTopics.deadLetters.name).map(({ headers }) => headers!.source!));
  }

  private balanced(): boolean {
    const { stage } = this.ingest.status();
    expect(stage.in).toBe(stage.out + stage.dropped + stage.inFlight);
    return stage.inFlight === 0;
  }

  /** Four readings; of those with a wrong unit only the other sensor's are to be stored. */
  private async send(sender: TestDevice, right: boolean, boot?: number): Promise<void> {
    const points = ['temp', 'power', 'temp', 'power'].map((sensor) => rawPoint(sensor, (this.nextUs += 1000), 1));
    const sent = boot === undefined ? points : points.map((point) => unsynced(point, boot));
    const units = new Map(right ? [] : [['temp', 'K']]);
    for (const { sensor, timeUs } of points) {
      if (right || sensor === 'power') this.expected.add(`${sender.catalogue.device} ${sensor} ${timeUs}`);
    }
    if (!right) this.setAside += 1;
    await sender.send(sent, boot === undefined ? {} : { boot: bootId(boot) }, units);
    if (right) this.last[this.devices.indexOf(sender)] = Buffer.from(this.newest(sender));
  }

  private tellClock(sender: TestDevice, boot: number): Promise<void> {
    return sender.tellClock(bootId(boot), offsetUs(boot));
  }

  private newest(sender: TestDevice): Uint8Array {
    return this.log.records(logTopics.readings.name).findLast(({ key }) => key === sender.key)!.value;
  }

  private async resend(index: number): Promise<void> {
    const value = this.last[index];
    if (value) await this.devices[index]!.append(logTopics.readings.name, value);
  }

  private async startIngest(): Promise<void> {
    const parking = new Parking({ path: join(this.folder, 'parking'), maxBytes: 1e7, maxBytesPerDevice: 1e7 });
    const seams = { log: this.log, store: this.store, parking, clock: systemClock, logger: silentLogger };
    const pace = { gatherMs: 1, maxWriteReadings: 10, retry: { firstMs: 1, maxMs: 4 } };
    this.ingest = new Ingest({ ...seams, ...pace, registry: new Registry() });
    await this.ingest.start();
  }
}

test(
  'whatever happens, every good reading is stored once and every bad one set aside',
  { timeout: 60_000 },
  async () => {
    const run = async (actions: Action[]): Promise<void> => {
      const folder = await mkdtemp(join(tmpdir(), 'fieldline-'));
      const line = new Line(folder);
      try {
        await line.start();
        for (const one of actions) await line.act(one);
        await line.settle();
        expect(await line.stored()).toEqual([...line.expected].sort());
        expect(line.setAsideSources().size).toBe(line.setAside);
      } finally {
        await line.stop();
        await rm(folder, { recursive: true, force: true });
      }
    };
    await fc.assert(fc.asyncProperty(fc.array(action, { minLength: 5, maxLength: 30 }), run), {
      numRuns: 15,
      endOnFailure: true,
    });
  },
);
