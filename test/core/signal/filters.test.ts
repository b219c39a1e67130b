import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Reading } from '../../../core/contract/reading.js';
import { units, type Unit } from '../../../core/contract/units.js';
import type { Filter } from '../../../core/signal/filter.js';
import { Calibrate } from '../../../core/signal/filters/calibrate.js';
import { Convert } from '../../../core/signal/filters/convert.js';
import { Range } from '../../../core/signal/filters/range.js';
import { RateOfChange } from '../../../core/signal/filters/rate-of-change.js';
import { Stuck } from '../../../core/signal/filters/stuck.js';
import { foreignUnits, unitConversion, type AnyUnit } from '../../../core/signal/filters/unit-scales.js';
import { arbitrarySeries, readings, startUs } from './series.js';

const second = 1_000_000;

function run(filter: Filter, series: readonly Reading[]): Reading[] {
  return series.flatMap((reading) => [...filter.push(reading)]);
}

/** One letter for each quality: g(ood) u(ncertain) o(ut-of-range) s(pike), x for stuck. */
function marks(filter: Filter, values: readonly (number | string | boolean)[], stepUs = second): string {
  return run(filter, readings(values, stepUs))
    .map(({ quality }) => (quality === 'stuck' ? 'x' : quality[0]))
    .join('');
}

const values = (filter: Filter, measured: readonly (number | string | boolean)[]) =>
  run(filter, readings(measured)).map(({ value }) => value);

describe('calibrate', () => {
  it('scales and shifts, without the dust of arithmetic', () => {
    expect(values(new Calibrate({ scale: 0.1, offset: -40 }), [403, 400, 3])).toEqual([0.3, 0, -39.7]);
    expect(values(new Calibrate({}), [1.23456789012341, true, 'open'])).toEqual([1.2345678901234, true, 'open']);
  });

  it('evaluates a polynomial, the coefficient of 1 first', () => {
    expect(values(new Calibrate({ polynomial: [1, 2, 3] }), [0, 1, 2])).toEqual([1, 6, 17]);
    expect(values(new Calibrate({ polynomial: [1, 2, 3], scale: 10, offset: 5 }), [2])).toEqual([175]);
  });

  it('interpolates between the pairs of a table, and doubts what lies beyond', () => {
    const table = [
      [20, 200],
      [0, 0],
      [10, 50],
    ] as const;
    expect(values(new Calibrate({ table }), [0, 5, 10, 15, 20])).toEqual([0, 25, 50, 125, 200]);
    expect(run(new Calibrate({ table }), readings([-1, 21, 20])).map(({ value, quality }) => [value, quality])).toEqual(
      [
        [0, 'out-of-range'],
        [200, 'out-of-range'],
        [200, 'good'],
      ],
    );
    expect(() => new Calibrate({ table: [[1, 1]] })).toThrow(RangeError);
    expect(() => new Calibrate({ table: [...table, [10, 3]] })).toThrow(RangeError);
  });

  it('agrees with a straight search of its table', () => {
    const pairs = fc.uniqueArray(fc.integer({ min: -50, max: 50 }), { minLength: 2, maxLength: 20 });
    fc.assert(
      fc.property(pairs, fc.double({ min: -50, max: 50, noNaN: true }), (measured, x) => {
        const table = measured.map((at) => [at, at * at] as const);
        const sorted = [...table].sort(([a], [b]) => a - b);
        const after = sorted.findIndex(([at]) => at >= x);
        const [value] = values(new Calibrate({ table }), [x]);
        const [[x0, y0], [x1, y1]] = [sorted.at(after - 1)!, sorted[Math.max(0, after)]!];
        const between = y0 + ((y1 - y0) * (x - x0)) / (x1 - x0);
        expect(value).toBeCloseTo(after > 0 ? between : sorted.at(after)![1], 9);
      }),
    );
  });

  it('leaves out what becomes infinite, for no pack could carry it', () => {
    const filter = new Calibrate({ polynomial: [0, 0, 1] });
    expect(values(filter, [1e200, 2])).toEqual([4]);
    expect(filter.takeDropped()).toEqual(new Map([['not-finite', 1]]));
  });
});

describe('range', () => {
  it('marks or drops what lies outside, its ends being inside', () => {
    expect(marks(new Range({ min: 0, max: 10 }), [0, 10, -0.1, 10.1, 'open', true])).toBe('ggoogg');
    const filter = new Range({ max: 10, mode: 'drop' });
    expect(values(filter, [-1e9, 11, 9])).toEqual([-1e9, 9]);
    expect(filter.takeDropped()).toEqual(new Map([['out-of-range', 1]]));
    expect(() => new Range({ min: 1, max: 0 })).toThrow(RangeError);
  });

  it('leaves a worse quality as it is', () => {
    const bad = { ...readings([99])[0]!, quality: 'bad' as const };
    expect(new Range({ max: 10 }).push(bad)).toEqual([bad]);
  });
});

describe('rate of change', () => {
  it('doubts what is faster than possible, and believes a step after some readings', () => {
    expect(marks(new RateOfChange({ maxPerSecond: 1 }), [20, 20.5, 90, 20.6, 21])).toBe('ggugg');
    expect(marks(new RateOfChange({ maxPerSecond: 1 }), [20, 90, 90.5, 90.2, 91])).toBe('guugg');
    expect(marks(new RateOfChange({ maxPerSecond: 1, believeAfter: 1 }), [20, 90, 90])).toBe('ggg');
    expect(marks(new RateOfChange({ maxPerSecond: 1, mark: 'spike' }), [20, 90, 20])).toBe('gsg');
  });

  it('never believes readings that do not agree with each other', () => {
    const series = [20, ...Array.from({ length: 20 }, (_, i) => 1000 + 500 * (i % 2))];
    expect(marks(new RateOfChange({ maxPerSecond: 1 }), series)).toBe(`g${'u'.repeat(20)}`);
  });

  it('allows more the more time has passed, and begins anew when time goes back', () => {
    expect(marks(new RateOfChange({ maxPerSecond: 1 }), [20, 79, 200], 60 * second)).toBe('ggu');
    const back = [...readings([20, 21]), ...readings([500, 500.5], second, readings([0])[0]!.timeUs - 3600 * second)];
    expect(run(new RateOfChange({ maxPerSecond: 1 }), back).map(({ quality }) => quality)).toEqual(
      Array(4).fill('good'),
    );
  });

  it('does not see text and readings that are doubted', () => {
    const series = readings([20, 'open', 20.5, 900, 21]);
    series[3] = { ...series[3]!, quality: 'bad' };
    expect(run(new RateOfChange({ maxPerSecond: 1 }), series)).toEqual(series);
  });
});

describe('stuck', () => {
  it('is the same value for a time and a number of readings', () => {
    const filter = () => new Stuck({ afterUs: 3 * second, readings: 3 });
    expect(marks(filter(), [5, 5, 5, 5, 5, 6, 6])).toBe('gggxxgg');
    expect(marks(new Stuck({ afterUs: 0, readings: 4 }), [5, 5, 5, 5, 5])).toBe('gggxx');
    expect(marks(filter(), [5, 5, 5], 10 * second)).toBe('ggx');
  });

  it('has a tolerance, from the first of them', () => {
    expect(marks(new Stuck({ afterUs: 0, tolerance: 0.1 }), [5, 5.1, 4.9, 5.05, 5.2, 5.2])).toBe('ggxxgg');
  });

  it('takes booleans, not text', () => {
    expect(marks(new Stuck({ afterUs: 0 }), [true, true, true, false])).toBe('ggxg');
    expect(marks(new Stuck({ afterUs: 0 }), ['a', 'a', 'a', 'a'])).toBe('gggg');
  });
});

describe('unit conversion', () => {
  it.each<[number, AnyUnit, number, Unit]>([
    [20, 'Cel', 293.15, 'K'],
    [294.85, 'K', 21.7, 'Cel'],
    [273.16, 'K', 0.01, 'Cel'],
    [32, 'degF', 0, 'Cel'],
    [212, 'degF', 100, 'Cel'],
    [-40, 'degF', -40, 'Cel'],
    [98.6, 'degF', 310.15, 'K'],
    [1.5, 'kW', 1500, 'W'],
    [2, 'kWh', 7_200_000, 'J'],
    [3_600_000, 'J', 1, 'kWh'],
    [1.013, 'bar', 1013, 'hPa'],
    [101_325, 'Pa', 1013.25, 'hPa'],
    [36, 'km/h', 10, 'm/s'],
    [10, 'm/s', 36, 'km/h'],
    [0.45, '/', 45, '/100'],
    [45, '/100', 0.45, '/'],
    [1, 'h', 60, 'min'],
    [180, 'deg', 3.1415926535898, 'rad'],
    [29.92, 'inHg', 1013.20748119, 'hPa'],
  ])('%d %s is %d %s', (from, unit, to, target) => {
    expect(values(new Convert(unit, target), [from])).toEqual([to]);
  });

  it('refuses units that do not measure the same thing', () => {
    expect(() => new Convert('Cel', 'W')).toThrow('Cel cannot be converted to W');
    expect(() => new Convert('pH', 'Cel')).toThrow(RangeError);
  });

  it('comes back to where it began, by every way there is', () => {
    const all = [...Object.keys(units), ...foreignUnits] as AnyUnit[];
    let ways = 0;
    for (const from of all) {
      for (const to of Object.keys(units) as Unit[]) {
        const way = attempt(() => unitConversion(from, to));
        if (!way || from === to) continue;
        ways += 1;
        if ((foreignUnits as readonly string[]).includes(from)) continue;
        const back = unitConversion(to, from as Unit)(way(12.5));
        expect(Math.abs(back - 12.5), `${from} ${to}`).toBeLessThan(1e-8);
      }
    }
    expect(ways).toBeGreaterThan(150);
    for (const from of foreignUnits)
      expect(all.some((to) => attempt(() => unitConversion(from, to as Unit)))).toBe(true);
  });

  it('passes text and booleans', () => {
    expect(values(new Convert('Cel', 'K'), ['off', true])).toEqual(['off', true]);
  });
});

function attempt<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch {
    return undefined;
  }
}

it('a clock that is set neither makes a value stuck nor allows a faster change', () => {
  const filters = [new Stuck({ afterUs: 10 * second }), new RateOfChange({ maxPerSecond: 1 })];
  for (const filter of filters) {
    const before = run(filter, readings([5, 5, 5]));
    filter.shift(3600 * second);
    const after = run(filter, readings([5, 5, 90], second, startUs + 3603 * second));
    expect([...before, ...after].map(({ quality }) => quality)).toEqual([
      ...Array<string>(5).fill('good'),
      filter instanceof Stuck ? 'good' : 'uncertain',
    ]);
  }
});

it('for any series each filter lets a reading pass or counts it, in order, with its stamp', () => {
  const filters = [
    () =>
      new Calibrate({
        table: [
          [-500, 0],
          [500, 1e308],
        ],
        polynomial: [0, 0, 1],
      }),
    () => new Range({ min: -100, max: 100, mode: 'drop' }),
    () => new Range({ min: -100, max: 100 }),
    () => new RateOfChange({ maxPerSecond: 10 }),
    () => new Stuck({ afterUs: second, tolerance: 50 }),
    () => new Convert('Cel', 'K'),
  ];
  fc.assert(
    fc.property(arbitrarySeries, fc.constantFrom(...filters), (series, create) => {
      const filter = create();
      const passed = run(filter, series);
      const dropped = [...filter.takeDropped().values()].reduce((a, b) => a + b, 0);
      expect(passed.length + dropped).toBe(series.length);
      const times = new Set(passed.map(({ timeUs }) => timeUs));
      expect(passed.map(({ timeUs }) => timeUs)).toEqual(
        series.map(({ timeUs }) => timeUs).filter((timeUs) => times.has(timeUs)),
      );
    }),
  );
});
