import { describe, expect, it } from 'vitest';
import { catalogueHash, catalogueSchema, catalogueUnits } from '../../core/contract/catalogue.js';
import { decodePack, encodePack } from '../../core/contract/pack.js';
import { qualitySchema, type Reading } from '../../core/contract/reading.js';
import { systemClock, type Clock } from '../../core/runtime/clock.js';
import { RetryableError } from '../../core/runtime/errors.js';
import type { Sensor } from '../../edge/sensors/sensor.js';

export interface SensorUnderTest {
  readonly sensor: Sensor;
  /** The clock that the sensor stamps with. Default the system's. */
  readonly clock?: Clock;
}

/** A sensor whose source the test can make fail. */
export interface BreakableSensor extends SensorUnderTest {
  /** Makes one channel fail, and names it. */
  readonly breakChannel: () => Promise<string>;
  /** Takes the whole source away, or brings it back. */
  readonly setPresent: (present: boolean) => Promise<void>;
}

/** What every {@link Sensor} promises. `make` returns a fresh one and registers its own clean-up. */
export function sensorSuite(name: string, make: () => Promise<SensorUnderTest>): void {
  describe(`${name} as a Sensor`, () => {
    it('describes its channels as the catalogue wants them', async () => {
      await withStarted(make, async ({ sensor }) => {
        const catalogue = { site: 'site', device: 'device', sensors: sensor.channels };
        expect(catalogueSchema.parse(catalogue)).toEqual(catalogue);
        expect(Object.keys(sensor.channels).length).toBeGreaterThan(0);
      });
    });

    it('samples each of its channels at most once a read, and none that it did not describe', async () => {
      await withStarted(make, async ({ sensor }) => {
        for (let i = 0; i < 3; i += 1) {
          const names = (await sensor.read()).map((reading) => reading.sensor);
          expect(new Set(names).size).toBe(names.length);
          expect(names.filter((channel) => !Object.hasOwn(sensor.channels, channel))).toEqual([]);
        }
      });
    });

    it('gives values that a pack can carry', async () => {
      await withStarted(make, async (made) => {
        const readings = await readSome(made);
        const catalogue = { site: 'site', device: 'device', sensors: made.sensor.channels };
        const points = readings.map((reading) => ({ ...reading, form: 'raw' as const }));
        const { site, device } = catalogue;
        const pack = { site, device, epoch: '0'.repeat(32), seq: 0, catalogue: catalogueHash(catalogue), points };
        expect(readings.length).toBeGreaterThan(0);
        expect(decodePack(encodePack(pack, catalogueUnits(catalogue))).points).toEqual(points);
        expect(readings.filter(({ quality }) => !qualitySchema.safeParse(quality).success)).toEqual([]);
      });
    });

    it('stamps each value at the moment of its measurement, in whole microseconds', async () => {
      await withStarted(make, async ({ sensor, clock = systemClock }) => {
        for (let i = 0; i < 3; i += 1) {
          const fromUs = clock.nowUs();
          const readings = await sensor.read();
          const toUs = clock.nowUs();
          const wrong = readings.filter(({ timeUs: t }) => !Number.isSafeInteger(t) || t < fromUs || t > toUs);
          expect(wrong).toEqual([]);
        }
      });
    });

    it('keeps its channels while it runs', async () => {
      await withStarted(make, async (made) => {
        const before = structuredClone(made.sensor.channels);
        await readSome(made, 2);
        expect(made.sensor.channels).toEqual(before);
      });
    });

    it('may be started and stopped more than once', async () => {
      const made = await make();
      await made.sensor.stop(100);
      await made.sensor.start();
      await made.sensor.start();
      const channels = Object.keys(made.sensor.channels);
      await made.sensor.stop(1000);
      await made.sensor.stop(1000);
      await made.sensor.start();
      expect(Object.keys(made.sensor.channels)).toEqual(channels);
      expect((await readSome(made)).length).toBeGreaterThan(0);
      await made.sensor.stop(1000);
    });
  });
}

/** What a Sensor promises of its failures. */
export function sensorFailureSuite(name: string, make: () => Promise<BreakableSensor>): void {
  describe(`${name} as a Sensor that fails`, () => {
    it('does not let a failed channel spoil the others', async () => {
      await withStarted(make, async (made) => {
        const healthy = new Set((await readSome(made)).map(({ sensor }) => sensor));
        const broken = await made.breakChannel();
        const sound = (await readSome(made)).filter(({ quality }) => quality !== 'bad').map(({ sensor }) => sensor);
        expect(healthy).toContain(broken);
        expect(new Set(sound)).toEqual(new Set([...healthy].filter((channel) => channel !== broken)));
      });
    });

    it('rejects when the whole source fails, and reads again after another start', async () => {
      await withStarted(make, async (made) => {
        const before = new Set((await readSome(made)).map(({ sensor }) => sensor));
        await made.setPresent(false);
        await expect(made.sensor.read()).rejects.toThrow(RetryableError);
        await made.setPresent(true);
        await made.sensor.start();
        expect(new Set((await readSome(made)).map(({ sensor }) => sensor))).toEqual(before);
      });
    });
  });
}

async function withStarted<T extends SensorUnderTest>(make: () => Promise<T>, test: (made: T) => Promise<void>) {
  const made = await make();
  await made.sensor.start();
  try {
    await test(made);
  } finally {
    await made.sensor.stop(1000);
  }
}

/** The readings of several reads; a rate has none in the first. */
async function readSome({ sensor, clock = systemClock }: SensorUnderTest, times = 3): Promise<Reading[]> {
  const readings: Reading[] = [];
  for (let i = 0; i < times; i += 1) {
    readings.push(...(await sensor.read()));
    await clock.sleep(25);
  }
  return readings;
}
