import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodePack, encodePack } from '../../../core/contract/pack.js';
import type { Point, Reading } from '../../../core/contract/reading.js';
import type { Reducer } from '../../../core/signal/filter.js';
import { readingsOf } from '../../../core/signal/pipeline.js';
import { Deadband } from '../../../core/signal/reducers/deadband.js';
import type { SegmentOptions } from '../../../core/signal/reducers/segment-reducer.js';
import { Swing } from '../../../core/signal/reducers/swing.js';
import { SwingingDoor } from '../../../core/signal/reducers/swinging-door.js';
import { testCatalogue, testPack } from '../../support/packs.js';
import { arbitrarySeries, noise, readings, startUs } from './series.js';
import { numberSeries, reduce, worstError } from './segments.js';

const second = 1_000_000;
const gap = { maxGapUs: 600 * second };
const kinds = {
  swing: (options: SegmentOptions) => new Swing(options),
  'swinging door': (options: SegmentOptions) => new SwingingDoor(options),
  deadband: (options: SegmentOptions) => new Deadband(options),
} satisfies Record<string, (options: SegmentOptions) => Reducer>;
const names = Object.keys(kinds) as (keyof typeof kinds)[];

/** Through a pack and back: what a reader has. */
function sent(points: readonly Point[]): Point[] {
  return points.length === 0
    ? []
    : [...decodePack(encodePack(testPack(testCatalogue(['s']), 1, points), new Map())).points];
}

describe('the error', () => {
  const how = { linear: { interpolation: 'linear', ...gap }, hold: { interpolation: 'hold', ...gap } } as const;
  const limits = fc.record({ heartbeatUs: fc.option(fc.integer({ min: 1, max: 100 * second }), { nil: undefined }) });
  const runs = { numRuns: 150 };

  it('of swing is at most the tolerance, for any series, after the points were sent', () => {
    fc.assert(
      fc.property(numberSeries, limits, ({ series, tolerance }, limit) => {
        const { points } = reduce(new Swing({ tolerance, ...gap, ...limit }), series);
        expect(worstError(series, sent(points), how.linear)).toBeLessThanOrEqual(tolerance);
      }),
      runs,
    );
  });

  it('of the swinging door is less than twice the tolerance, and its points are readings', () => {
    fc.assert(
      fc.property(numberSeries, limits, ({ series, tolerance }, limit) => {
        const { points } = reduce(new SwingingDoor({ tolerance, ...gap, ...limit }), series);
        expect(worstError(series, sent(points), how.linear)).toBeLessThan(2 * tolerance);
        const values = new Map(series.map(({ timeUs, value }) => [timeUs, value]));
        for (const { timeUs, value } of points) expect(value).toBe(values.get(timeUs));
      }),
      runs,
    );
  });

  it('of a deadband is at most the tolerance', () => {
    fc.assert(
      fc.property(numberSeries, limits, ({ series, tolerance }, limit) => {
        const { points } = reduce(new Deadband({ tolerance, ...gap, ...limit }), series);
        expect(worstError(series, sent(points), how.hold)).toBeLessThanOrEqual(tolerance);
      }),
      runs,
    );
  });
});

describe.each(names)('%s', (name) => {
  const create = kinds[name];

  it('counts each reading once, sends no identity twice, and holds at most one', () => {
    fc.assert(
      fc.property(arbitrarySeries, fc.constantFrom(0.5, 20, 500), fc.array(fc.nat(20)), (series, tolerance, pauses) => {
        const reducer = create({ tolerance, maxGapUs: 20 * second });
        const points: Point[] = [];
        let counted = 0;
        const count = () => {
          for (const [reason, readings] of reducer.takeDropped()) {
            expect(reason).toBe('reduced');
            counted += readings;
          }
          return counted + points.reduce((sum, point) => sum + readingsOf(point), 0);
        };
        series.forEach((reading, i) => {
          points.push(...reducer.push(reading));
          if (pauses.includes(i % 21)) points.push(...reducer.flush(reading.timeUs + 21 * second));
          const held = i + 1 - count();
          expect(held === 0 || held === 1).toBe(true);
        });
        points.push(...reducer.flush(Infinity));
        expect(count()).toBe(series.length);
        const identities = points.map(({ form, timeUs }) => `${form} ${timeUs}`);
        expect(new Set(identities).size).toBe(identities.length);
      }),
      { numRuns: 150 },
    );
  });

  it('keeps its bound over late readings, steps of the clock and bad readings, which go out as they are', () => {
    const interpolation = name === 'deadband' ? 'hold' : 'linear';
    fc.assert(
      fc.property(arbitrarySeries, fc.constantFrom(0.5, 20, 500), (series, tolerance) => {
        const { points } = reduce(create({ tolerance, maxGapUs: 20 * second }), series);
        const raw = new Set(points.filter(({ form }) => form === 'raw').map(({ timeUs }) => timeUs));
        const trusted = (reading: Reading) =>
          typeof reading.value === 'number' && (reading.quality === 'good' || reading.quality === 'uncertain');
        const onLine = series.filter((reading) => trusted(reading) && !raw.has(reading.timeUs));
        const bound = name === 'swinging door' ? 2 * tolerance : tolerance;
        expect(worstError(onLine, points, { interpolation, maxGapUs: 20 * second })).toBeLessThanOrEqual(bound);
        const out = new Map(points.map((point) => [point.timeUs, point]));
        for (const reading of series) {
          const must = raw.has(reading.timeUs) || ['bad', 'spike', 'clock-unsynced'].includes(reading.quality);
          if (must) expect(out.get(reading.timeUs)).toMatchObject({ value: reading.value, quality: reading.quality });
        }
      }),
      { numRuns: 150 },
    );
  });

  it('sends a flat line as a heartbeat, in few points', () => {
    const series = readings(noise(3600, 20, 0.01));
    const { points, dropped } = reduce(create({ tolerance: 0.5, ...gap, heartbeatUs: 60 * second }), series);
    expect(points.length).toBeGreaterThanOrEqual(60);
    expect(points.length).toBeLessThanOrEqual(62);
    expect(dropped.get('reduced')).toBe(3600 - points.length);
    for (const [i, { timeUs }] of points.entries()) {
      if (i > 0) expect(timeUs - points[i - 1]!.timeUs).toBeLessThanOrEqual(60 * second);
    }
  });

  it('ends at a gap, and begins anew behind it', () => {
    const series = [...readings(Array<number>(10).fill(5)), ...readings([5, 5, 5], second, startUs + 1000 * second)];
    const { points } = reduce(create({ tolerance: 1, ...gap }), series);
    expect(points.map(({ timeUs }) => (timeUs - startUs) / second)).toEqual([0, 9, 1000, 1002]);
  });

  it('never lies over a bad reading', () => {
    const series = readings(Array<number>(9).fill(5));
    series[4] = { ...series[4]!, quality: 'bad', value: 999 };
    const { points } = reduce(create({ tolerance: 1, ...gap }), series);
    expect(points.map(({ timeUs, quality }) => [(timeUs - startUs) / second, quality])).toEqual([
      [0, 'good'],
      [3, 'good'],
      [4, 'bad'],
      [5, 'good'],
      [8, 'good'],
    ]);
  });

  it('ends at a change of quality, and at what is no number, which it counts', () => {
    const series = readings(Array<number>(9).fill(5));
    series[3] = { ...series[3]!, value: NaN };
    for (let i = 6; i < 9; i += 1) series[i] = { ...series[i]!, quality: 'uncertain' };
    const { points, dropped } = reduce(create({ tolerance: 1, ...gap }), series);
    expect(points.map(({ timeUs }) => (timeUs - startUs) / second)).toEqual([0, 2, 4, 5, 6, 8]);
    expect(dropped).toEqual(
      new Map([
        ['reduced', 2],
        ['not-finite', 1],
      ]),
    );
  });

  it('lets a late reading out raw, and goes on', () => {
    const series = readings(Array<number>(10).fill(5));
    const late = { ...series[4]!, timeUs: series[4]!.timeUs + 500_000, value: 90 };
    const { points } = reduce(create({ tolerance: 1, ...gap }), [...series.slice(0, 8), late, ...series.slice(8)]);
    expect(points.map(({ form, value }) => [form, value])).toEqual([
      ['segment', 5],
      ['raw', 90],
      ['segment', 5],
    ]);
  });

  it('begins anew where the clock steps back to times without points, and is raw where it has been before', () => {
    const forth = readings(Array<number>(10).fill(5), second, startUs + 100 * second);
    const back = readings(Array<number>(120).fill(5));
    const { points } = reduce(create({ tolerance: 1, maxGapUs: 1000 * second }), [...forth, ...back.map(shifted)]);
    const raw = points.filter(({ form }) => form === 'raw');
    expect(raw).toHaveLength(9);
    expect(
      points.filter(({ form }) => form === 'segment').map(({ timeUs }) => Math.floor((timeUs - startUs) / second)),
    ).toEqual([100, 109, 0, 99, 109, 119]);
  });

  it('ends by the clock when nothing more can lengthen it, and not before', () => {
    const reducer = create({ tolerance: 1, ...gap });
    for (const reading of readings([5, 5, 5])) reducer.push(reading);
    expect(reducer.flush(startUs + 600 * second)).toEqual([]);
    expect(reducer.flush(startUs + 600 * second + 1)).toMatchObject([{ timeUs: startUs + 2 * second, value: 5 }]);
    expect(reducer.flush(Infinity)).toEqual([]);
  });

  it('says once that its tolerance is below the smallest step of the sensor', () => {
    const steps: number[] = [];
    const values = noise(2000, 20, 3).map((value) => Math.round(value * 2) / 2);
    for (const tolerance of [0.1, 0.5]) {
      reduce(create({ tolerance, ...gap, onFineTolerance: (step) => steps.push(step) }), readings(values));
    }
    expect(steps).toEqual([0.5]);
    const fine = noise(2000, 20, 3);
    reduce(create({ tolerance: 0.1, ...gap, onFineTolerance: (step) => steps.push(step) }), readings(fine));
    expect(steps).toHaveLength(1);
  });

  it('refuses a tolerance that is none', () => {
    for (const tolerance of [0, -1, NaN, Infinity]) expect(() => create({ tolerance, ...gap })).toThrow(RangeError);
  });
});

function shifted(reading: Reading): Reading {
  return { ...reading, timeUs: reading.timeUs + 500_000 };
}

it('a deadband sends text and booleans when they change', () => {
  const { points } = reduce(
    new Deadband({ tolerance: 1, ...gap }),
    readings([true, true, false, false, 'open', 'open', 'shut', 3, 3.5]),
  );
  expect(points.map(({ value }) => value)).toEqual([true, false, 'open', 'shut', 3, 3.5]);
});

it('swing rounds its ends to short numbers', () => {
  const values = noise(2000, 0, 0.3).map((value, i) => Math.round(10 * (value + 20 * Math.sin(i / 50))) / 10);
  const { points } = reduce(new Swing({ tolerance: 1, ...gap }), readings(values));
  expect(points.length).toBeLessThan(400);
  expect(Math.max(...points.map(({ value }) => String(value).length))).toBeLessThanOrEqual(6);
});
