import { Registry } from 'prom-client';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Ingest, ingestGroup, ingestTopics } from '../../../cloud/ingest/ingest.js';
import { Parking } from '../../../cloud/ingest/parking.js';
import { unknownSensorEpoch, type UnknownSensorMode } from '../../../cloud/ingest/unknown-sensors.js';
import type { PackToStore } from '../../../cloud/store/store.js';
import { logTopics } from '../../../core/contract/log-topics.js';
import type { Point } from '../../../core/contract/reading.js';
import { minuteUs } from '../../../core/contract/time.js';
import { systemClock } from '../../../core/runtime/clock.js';
import { silentLogger } from '../../../core/runtime/logger.js';
import type { FaultyStore } from '../../support/faulty-store.js';
import { MemoryLog } from '../../support/memory-log.js';
import { openStore } from '../../support/open-store.js';
import { rawPoint, testCatalogue } from '../../support/packs.js';
import { tempDir } from '../../support/temp-dir.js';
import { TestDevice } from '../../support/test-device.js';
import { waitFor } from '../../servers/wait-for.js';

const startUs = Math.floor(systemClock.nowUs() / minuteUs) * minuteUs - 30 * minuteUs;
const all = { fromUs: 0, toUs: 2 ** 52 };
const temps = [rawPoint('temp', startUs, 20), rawPoint('temp', startUs + 1e6, 21)];
const strange = [
  rawPoint('strange', startUs, 1),
  rawPoint('strange', startUs + 1e6, 2),
  rawPoint('odd', startUs, true),
];
const units = new Map([
  ['temp', 'Cel'],
  ['strange', 'W'],
]);

class TestLine {
  readonly log = new MemoryLog();
  private ingest: Ingest | undefined;
  readonly packs: PackToStore[] = [];

  private constructor(readonly store: FaultyStore) {
    store.fault = ({ packs }) => void this.packs.push(...packs);
  }

  static async open(): Promise<TestLine> {
    const line = new TestLine(await openStore());
    await line.log.start();
    await line.log.ensureTopics(Object.values(logTopics));
    return line;
  }

  /** Begins anew in another mode. */
  async run(unknownSensors: UnknownSensorMode): Promise<Ingest> {
    await this.ingest?.stop(1000);
    const parking = new Parking({ path: await tempDir(), maxBytes: 1e7, maxBytesPerDevice: 1e7 });
    const seams = { ...this, parking, clock: systemClock, logger: silentLogger, registry: new Registry() };
    const ingest = (this.ingest = new Ingest({ ...seams, gatherMs: 2, unknownSensors }));
    await ingest.start();
    onTestFinished(() => ingest.stop(1000));
    return ingest;
  }

  async committed(): Promise<void> {
    await waitFor('everything committed', 20_000, async () => (await this.log.lag(ingestGroup, ingestTopics)) === 0, 2);
  }

  /** Whatever is held, also what is held twice. */
  async stored(): Promise<string[]> {
    const found: string[] = [];
    for await (const page of this.store.behind.points({}, all, 'repeats'))
      found.push(...page.map(({ sensor, timeUs, value }) => `${sensor} ${(timeUs - startUs) / 1e6} ${value}`));
    return found;
  }

  async counts(): Promise<Record<string, number>> {
    await this.store.behind.repairRollups(systemClock.nowUs());
    const counts: Record<string, number> = {};
    for await (const page of this.store.behind.rollups('1m', {}, all))
      for (const { sensor, count } of page) counts[sensor] = (counts[sensor] ?? 0) + count;
    return counts;
  }

  get letters(): (string | undefined)[] {
    return this.log.records(logTopics.deadLetters.name).map(({ headers }) => headers!['reason']);
  }

  /** The same record once more, as a replay of its dead letter brings it. */
  async again(): Promise<void> {
    const { key, value } = this.log.records(logTopics.readings.name)[0]!;
    await this.log.append(logTopics.readings.name, [{ key, value }]);
    await this.committed();
  }
}

async function lineWith(points: readonly Point[], mode: UnknownSensorMode, said = units) {
  const line = await TestLine.open();
  const device = new TestDevice(line.log, testCatalogue(['temp']));
  await device.announce();
  await device.send(points, {}, said);
  const ingest = await line.run(mode);
  await line.committed();
  return { line, device, ingest };
}

const everything = ['odd 0 1', 'strange 0 1', 'strange 1 2', 'temp 0 20', 'temp 1 21'];

describe('readings of sensors that the catalogue does not have', () => {
  test('accept: are stored as an unknown quantity in the unit that they name, and counted once', async () => {
    const { line, device, ingest } = await lineWith([...temps, ...strange], 'accept');
    expect(await line.stored()).toEqual(everything);
    expect(await line.counts()).toEqual({ temp: 2, strange: 2, odd: 1 });
    expect(line.letters).toEqual([]);
    expect(ingest.status().stage).toMatchObject({ in: 5, out: 5, dropped: 0, inFlight: 0 });
    await line.again();
    expect(await line.stored()).toEqual(everything);
    expect(await line.counts()).toEqual({ temp: 2, strange: 2, odd: 1 });
    const ledger = await line.store.behind.ledger();
    const sources = [device.epoch, unknownSensorEpoch(device.epoch)].map((epoch) => `${device.key}/${epoch}`);
    expect([...ledger.keys()].sort()).toEqual(sources.sort());
    const described = line.packs.find(({ pack }) => pack.points[0]!.sensor !== 'temp');
    expect(described!.catalogue.sensors).toMatchObject({
      temp: { quantity: 'temperature' },
      strange: { quantity: 'unknown', unit: 'W' },
      odd: { quantity: 'unknown', unit: '/' },
    });
  });

  test('quarantine, then accept: a replay of what was set aside brings in just that, however often', async () => {
    const { line } = await lineWith([...temps, ...strange], 'quarantine');
    expect(await line.stored()).toEqual(['temp 0 20', 'temp 1 21']);
    expect(line.letters).toEqual(['unknown-sensor']);
    await line.run('accept');
    for (let i = 0; i < 3; i += 1) {
      await line.again();
      expect(await line.stored()).toEqual(everything);
      expect(await line.counts()).toEqual({ temp: 2, strange: 2, odd: 1 });
    }
    expect(line.letters).toEqual(['unknown-sensor']);
  });

  test('reject: are dropped, counted, and leave no letter', async () => {
    const { line, ingest } = await lineWith([...temps, ...strange], 'reject');
    expect(await line.stored()).toEqual(['temp 0 20', 'temp 1 21']);
    expect(line.letters).toEqual([]);
    expect(ingest.status().stage).toMatchObject({ in: 5, out: 2, reasons: { 'unknown-sensor-rejected': 3 } });
  });

  test('accept: a unit that nobody knows, or another than before, is no guess: it is set aside', async () => {
    const { line, device } = await lineWith(strange.slice(0, 2), 'accept');
    await device.send([rawPoint('strange', startUs + 2e6, 3)], {}, new Map([['strange', 'V']]));
    await device.send([rawPoint('weird', startUs + 2e6, 3)], {}, new Map([['weird', 'furlong']]));
    await device.send([rawPoint('temp', startUs, 3)], {}, new Map([['temp', 'K']]));
    await line.committed();
    expect(await line.stored()).toEqual(['strange 0 1', 'strange 1 2']);
    expect(line.letters).toEqual(['unit-mismatch', 'unit-mismatch', 'unit-mismatch']);
  });

  test('accept: a device that invents names without end is stopped', async () => {
    const names = Array.from({ length: 1200 }, (_, i) => `s${i}`);
    const { line } = await lineWith(
      names.map((name) => rawPoint(name, startUs, 1)),
      'accept',
      new Map(),
    );
    expect(await line.stored()).toHaveLength(1000);
    expect(line.letters).toEqual(['unknown-sensor']);
  });
});
