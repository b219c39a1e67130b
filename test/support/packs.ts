import fc from 'fast-check';
import { catalogueHash, type Catalogue, type SensorDescription } from '../../core/contract/catalogue.js';
import { qualities, type Point } from '../../core/contract/reading.js';
import type { Pack } from '../../core/contract/pack.js';

export const testEpoch = '0123456789abcdef0123456789abcdef';

export function describeSensor(over: Partial<SensorDescription> = {}): SensorDescription {
  return { quantity: 'temperature', unit: 'Cel', labels: {}, interpolation: 'none', maxGapUs: 600_000_000, ...over };
}

/** A catalogue whose sensors are all temperatures, or as described. */
export function testCatalogue(
  sensors: string[] | Record<string, SensorDescription>,
  site = 'plant1',
  device = 'press-07',
): Catalogue {
  const described = Array.isArray(sensors)
    ? Object.fromEntries(sensors.map((name) => [name, describeSensor()]))
    : sensors;
  return { site, device, sensors: described };
}

export function testPack(catalogue: Catalogue, seq: number, points: readonly Point[], epoch = testEpoch): Pack {
  const { site, device } = catalogue;
  return { site, device, epoch, seq, catalogue: catalogueHash(catalogue), points };
}

export function rawPoint(sensor: string, timeUs: number, value: number | string | boolean): Point {
  return { sensor, timeUs, value, quality: 'good', form: 'raw' };
}

/** A time that SenML can carry absolutely, to the end of 32-bit seconds: from 1978 to 2106. */
export const arbitraryTimeUs = fc.integer({ min: 270_000_000_000_000, max: 2 ** 32 * 1e6 });
const finite = fc.double({ noNaN: true, noDefaultInfinity: true });

/** Any point of the given sensors. */
export function arbitraryPoint(sensors: readonly string[], timeUs = arbitraryTimeUs): fc.Arbitrary<Point> {
  const base = { sensor: fc.constantFrom(...sensors), timeUs, quality: fc.constantFrom(...qualities) };
  const plain = fc.record({
    ...base,
    value: fc.oneof(finite, fc.boolean(), fc.string({ maxLength: 100 })),
    form: fc.constantFrom('raw' as const, 'segment' as const, 'context' as const),
  });
  const window = fc.record({
    ...base,
    value: finite,
    form: fc.constant('window' as const),
    window: fc.record(
      {
        spanUs: fc.integer({ min: 1, max: 3_600_000_000 }),
        count: fc.integer({ min: 1, max: 1_000_000 }),
        min: finite,
        max: finite,
        first: finite,
        last: finite,
        p95: finite.map((value) => value + 0),
      },
      { requiredKeys: ['spanUs', 'count', 'min', 'max', 'first', 'last'] },
    ),
  });
  return fc.oneof(plain, window);
}
