import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { numericValue, type Point, type Reading } from '../../../core/contract/reading.js';
import { readingsOf } from '../../../core/signal/pipeline.js';
import { Percentile } from '../../../core/signal/reducers/percentile.js';
import { WindowReducer } from '../../../core/signal/reducers/window.js';
import { isWindowWidth, mergeWindows, type WindowPoint } from '../../../core/signal/window-parts.js';
import { arbitrarySeries, noise, readings, startUs } from './series.js';

const second = 1_000_000;
const before = readings([0], second, startUs - second)[0]!;

function run(series: readonly Reading[], widthUs = 10 * second): Point[] {
  const reducer = new WindowReducer(widthUs);
  return [...series.flatMap((reading) => reducer.push(reading)), ...reducer.flush(Infinity)];
}

function windowsOf(points: readonly Point[]): WindowPoint[] {
  return points.filter((point): point is WindowPoint => point.form === 'window');
}

describe('a window', () => {
  it('is aligned, stamped at its start, and knows mean, min, max, first, last and count', () => {
    const [, window] = run([before, ...readings([3, 1, 2, 8, 1])]);
    expect(window).toEqual({
      sensor: 's',
      timeUs: startUs,
      value: 3,
      quality: 'good',
      form: 'window',
      window: { spanUs: 10 * second, count: 5, min: 1, max: 8, first: 3, last: 1 },
    });
  });

  it('ends with the first reading behind it', () => {
    const reducer = new WindowReducer(10 * second);
    for (const reading of [before, ...readings(Array<number>(10).fill(1))]) reducer.push(reading);
    const out = reducer.push(readings([1], second, startUs + 10 * second)[0]!);
    expect(out.map(({ form, timeUs }) => [form, timeUs])).toEqual([['window', startUs]]);
  });

  it('ends by the clock, when its end has passed and not before', () => {
    const reducer = new WindowReducer(10 * second);
    for (const reading of [before, ...readings([1, 2])]) reducer.push(reading);
    expect(reducer.flush(startUs + 10 * second - 1)).toEqual([]);
    expect(reducer.flush(startUs + 10 * second)).toHaveLength(1);
    expect(reducer.flush(Infinity)).toEqual([]);
  });

  it('knows the 95th percentile where that is asked for', () => {
    const reducer = new WindowReducer(60 * second, new Percentile(0.95));
    const series = [before, ...readings(noise(120, 20, 3)), readings([0], 1, startUs + 120 * second)[0]!];
    const windows = windowsOf(series.flatMap((reading) => reducer.push(reading)));
    const sorted = [0, 60].map((from) =>
      noise(120, 20, 3)
        .slice(from, from + 60)
        .sort((a, b) => a - b),
    );
    expect(windows.map(({ window }) => window.p95)).toEqual(sorted.map((values) => values[56]));
    expect(run(series, 60 * second).every(({ window }) => !window || !('p95' in window))).toBe(true);
  });

  it('takes booleans as 0 and 1', () => {
    expect(run([before, ...readings([true, false, true, true])])[1]).toMatchObject({ value: 0.75 });
  });

  it('is uncertain with a spike inside, which also goes out as context', () => {
    const [, spike, window] = run([
      before,
      ...readings([1, 2]),
      { ...readings([9], 1, startUs + 5e6)[0]!, quality: 'spike' },
    ]);
    expect(spike).toMatchObject({ form: 'context', value: 9, quality: 'spike' });
    expect(window).toMatchObject({ form: 'window', quality: 'uncertain', window: { count: 3, max: 9 } });
  });
});

describe('raw goes out', () => {
  it('what comes before the first boundary, for who ran before may have sent that window', () => {
    const points = run(readings(noise(25, 1, 0), second, startUs + 5 * second));
    expect(points.map(({ form }) => form[0]).join('')).toBe('rrrrrww');
  });

  it('what comes after a gap, up to the next boundary', () => {
    const after = readings([1, 1, 1], 2 * second, startUs + 66 * second);
    const points = run([before, ...readings([1, 1]), ...after]);
    expect(points.map(({ form, timeUs }) => [form, (timeUs - startUs) / second])).toEqual([
      ['raw', -1],
      ['window', 0],
      ['raw', 66],
      ['raw', 68],
      ['window', 70],
    ]);
  });

  it('a late reading of a closed window', () => {
    const late = readings([7], 1, startUs + 9_500_000)[0]!;
    const points = run([before, ...readings(noise(12, 1, 0)), late]);
    expect(points.map(({ form }) => form)).toEqual(['raw', 'window', 'raw', 'window']);
  });

  it('text, and what is no measurement', () => {
    const odd: Reading[] = [
      { sensor: 's', timeUs: startUs + 2.5e6, value: 'open', quality: 'good' },
      { sensor: 's', timeUs: startUs + 2.6e6, value: 5, quality: 'bad' },
      { sensor: 's', timeUs: startUs + 2.7e6, value: 1.7e308, quality: 'good' },
    ];
    expect(run([before, ...readings([1, 2, 3]), ...odd]).map(({ form }) => form)).toEqual([
      'raw',
      'raw',
      'raw',
      'raw',
      'window',
    ]);
  });
});

it('never sends one window twice, though the clock steps back', () => {
  const hour = 3600 * second;
  const forth = readings(noise(60, 1, 0), second, startUs + hour);
  const back = readings(noise(3700, 1, 0), second, startUs + 55);
  const windows = windowsOf(run([before, ...forth, ...back]));
  expect(new Set(windows.map(({ timeUs }) => timeUs)).size).toBe(windows.length);
  // Apart from the three windows around the steps, all readings are in windows again.
  expect(windows.length).toBeGreaterThan(360);
});

describe('for any series', () => {
  const width = fc.constantFrom(1 * second, 2.5 * second, 10 * second, 60 * second, 300 * second);

  it('each reading is counted once, and no identity comes twice', () => {
    fc.assert(
      fc.property(arbitrarySeries, width, (series, widthUs) => {
        const points = run(series, widthUs);
        expect(points.reduce((sum, point) => sum + readingsOf(point), 0)).toBe(series.length);
        const identities = points.map(({ form, timeUs }) => `${form} ${timeUs}`);
        expect(new Set(identities).size).toBe(identities.length);
      }),
      { numRuns: 300 },
    );
  });

  it('nothing of the numbers is lost: sums, least and greatest', () => {
    fc.assert(
      fc.property(arbitrarySeries, width, (series, widthUs) => {
        const points = run(series, widthUs).filter(({ form }) => form !== 'context');
        const sum = points.reduce(
          (total, { value, window }) => total + (numericValue(value) ?? 0) * (window?.count ?? 1),
          0,
        );
        const numbers = series.map(({ value }) => numericValue(value) ?? 0);
        expect(sum).toBeCloseTo(
          numbers.reduce((a, b) => a + b, 0),
          6,
        );
        const highs = points.map(({ value, window }) => window?.max ?? numericValue(value) ?? 0);
        expect(Math.max(0, ...highs)).toBe(Math.max(0, ...numbers));
      }),
    );
  });

  it('flushing by the clock now and then changes the cut, never the count', () => {
    fc.assert(
      fc.property(arbitrarySeries, width, fc.array(fc.nat(20)), (series, widthUs, pauses) => {
        const reducer = new WindowReducer(widthUs);
        const points = series.flatMap((reading, i) => [
          ...reducer.push(reading),
          ...(pauses.includes(i % 21) ? reducer.flush(reading.timeUs + widthUs / 2) : []),
        ]);
        points.push(...reducer.flush(Infinity));
        expect(points.reduce((sum, point) => sum + readingsOf(point), 0)).toBe(series.length);
      }),
    );
  });

  it('the windows of a minute merge to the window over the minute', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -1e6, max: 1e6 }), { minLength: 1, maxLength: 60 }), (values) => {
        const series = [before, ...readings(values)];
        const merged = mergeWindows(windowsOf(run(series)), 60 * second);
        const [direct] = windowsOf(run(series, 60 * second));
        expect(merged.value).toBeCloseTo(direct!.value, 6);
        expect({ ...merged, value: 0 }).toEqual({ ...direct, value: 0 });
      }),
    );
  });
});

it('merges only what lies within one window', () => {
  const windows = windowsOf(run([before, ...readings(noise(20, 1, 0))]));
  expect(() => mergeWindows(windows, 10 * second)).toThrow(RangeError);
  expect(() => mergeWindows([], 10 * second)).toThrow(RangeError);
});

it('knows the widths that fit the tiers', () => {
  const widths = [0.1, 1, 2.5, 7, 10, 60, 90, 300, 420, 1800, 3600, 7200, -1, 1e-7].map((s) => s * second);
  expect(widths.filter(isWindowWidth).map((us) => us / second)).toEqual([0.1, 1, 2.5, 10, 60, 300, 1800, 3600]);
  expect(() => new WindowReducer(7 * second)).toThrow(RangeError);
});
