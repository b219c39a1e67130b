import { qualities, type Form, type Point, type Value } from '#core/contract/reading.js';
import { minuteUs } from '#core/contract/time.js';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { SeriesStore } from '../../../cloud/store/store.js';
import { arbitraryPoint, rawPoint } from '../../support/packs.js';
import { storedPoint, windowPoint } from './expected.js';
import { allPoints, pastDayUs, TestDevice, write } from './harness.js';

const awkwardNumbers = [
  ...[0, -0, 5e-324, -5e-324, 2.2250738585072014e-308, 1e308, -1e308, Number.MAX_VALUE, 2 ** 53, -(2 ** 53)],
  ...[2 ** 53 - 1, 0.1, 1 / 3, 1e21, 1e-7, 123456789.123456789, Number.EPSILON, -273.15],
];
const awkwardTexts = [
  ...[
    '',
    ' ',
    ' a ',
    'a\\',
    '\\"',
    '"a","b"',
    "it's",
    'a,b=c d',
    'line\nbreak',
    'cr\r\nlf',
    '\ttab',
    '0',
    'null',
    'true',
  ],
  ...['ÄÖÜ ß', '温度 25℃', '🌡️👩‍🔧', '\u202eright to left', 'e\u0301', '\ufeffbom', 'x'.repeat(4096)],
];
/** Microseconds that a second in floating point would lose, before 1970, and far ahead. */
const awkwardStamps = [
  ...[-1, -86_400_000_001, -631_152_000_000_001, 0, 1, 999_999, 1_600_000_000_000_001, 1_795_251_208_123_457],
  ...[4_102_444_799_999_999, 7_258_118_399_999_999, Number.MAX_SAFE_INTEGER - 1],
];

/** Values, stamps and forms come back exactly. */
export function valueCases(store: () => SeriesStore, runs: number): void {
  test.each([
    ['numbers', awkwardNumbers],
    ['texts', awkwardTexts],
    ['booleans', [true, false, true]],
  ])('awkward %s come back exactly', async (_kind, values: Value[]) => {
    const device = new TestDevice(values.map((_value, i) => `s${i}`));
    const points = values.map((value, i) => rawPoint(`s${i}`, pastDayUs + i, value));
    await expectRoundTrip(device, points);
  });

  test('awkward stamps come back to the microsecond, before 1970 and far in the future too', async () => {
    const device = new TestDevice();
    await expectRoundTrip(
      device,
      awkwardStamps.map((timeUs, i) => rawPoint('temp', timeUs, i)),
    );
  });

  test('every quality comes back', async () => {
    const device = new TestDevice();
    const points = qualities.map((quality, i) => ({ ...rawPoint('temp', pastDayUs + i, i), quality }));
    await expectRoundTrip(device, points);
  });

  const kinds = kindsOfPoints();
  test.each(kinds.map(([name]) => name))('%s stands beside every other kind, whichever came first', async (name) => {
    const make = new Map(kinds).get(name)!;
    for (const [, other] of kinds) {
      const device = new TestDevice();
      const [first, second] = [make(pastDayUs + minuteUs), other(pastDayUs + minuteUs + 1)];
      await write(store(), device.pack([first]));
      await write(store(), device.pack([second]));
      const earlier = other(pastDayUs + minuteUs - 1);
      await write(store(), device.pack([earlier]));
      await expectStored(device, [earlier, first, second]);
    }
  });

  test('any points come back exactly', async () => {
    const sensors = ['a', 'b.c', 'd:e-f_9'];
    const stamps = fc.integer({ min: pastDayUs, max: pastDayUs + 60 * minuteUs });
    const packs = fc.uniqueArray(arbitraryPoint(sensors, stamps), {
      maxLength: 30,
      minLength: 1,
      selector: ({ sensor, form, timeUs }) => `${sensor} ${form} ${timeUs}`,
    });
    await fc.assert(
      fc.asyncProperty(packs, async (points) => {
        await expectRoundTrip(new TestDevice(sensors), points);
      }),
      { numRuns: runs },
    );
  });

  async function expectRoundTrip(device: TestDevice, points: readonly Point[]): Promise<void> {
    expect(await write(store(), device.pack(points))).toMatchObject({ stored: points.length });
    await expectStored(device, points);
  }

  async function expectStored(device: TestDevice, points: readonly Point[]): Promise<void> {
    const stored = await allPoints(store(), device.filter);
    const order = <T extends { sensor: string; timeUs: number; form: Form }>(list: T[]) =>
      list.sort((a, b) => compare(a.sensor, b.sensor) || a.timeUs - b.timeUs || compare(a.form, b.form));
    // toStrictEqual tells minus zero from zero.
    expect(order(stored)).toStrictEqual(order(points.map((point) => storedPoint(device, point))));
  }
}

/** Every form with every kind of value that it may have. */
function kindsOfPoints(): [name: string, make: (timeUs: number) => Point][] {
  const values = { number: 1.5, boolean: true, text: 'open' } as const;
  const kinds: [string, (timeUs: number) => Point][] = [];
  for (const form of ['raw', 'segment', 'context'] as const) {
    for (const [kind, value] of Object.entries(values)) {
      kinds.push([`a ${form} ${kind}`, (timeUs) => ({ ...rawPoint('temp', timeUs, value), form })]);
    }
  }
  kinds.push(['a window', (timeUs) => windowPoint('temp', timeUs, minuteUs, [1, 2])]);
  kinds.push(['a window with its percentile', (timeUs) => withP95(windowPoint('temp', timeUs, minuteUs, [1, 2]), 2)]);
  return kinds;
}

function withP95(point: Point, p95: number): Point {
  return { ...point, window: { ...point.window!, p95 } };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
