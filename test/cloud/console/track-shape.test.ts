import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PointBuffer, type Track } from '../../../cloud/console/page/model/point-buffer.js';
import { niceRange, niceStep } from '../../../cloud/console/page/model/scale-range.js';
import {
  gapLimitMs,
  liveWidthMs,
  nearestIndex,
  summarise,
  traceLine,
  visible,
} from '../../../cloud/console/page/model/track-shape.js';

function track(points: readonly (readonly [timeMs: number, value: number])[]): Track {
  const buffer = new PointBuffer(10_000);
  for (const [timeMs, value] of points) buffer.push({ timeMs, value });
  return buffer.track();
}

/** Writes down what is drawn: M and L with the point. */
function drawn(of: Track, gapMs: number, pixelsPerMs = 1): string[] {
  const steps: string[] = [];
  const pen = {
    moveTo: (x: number, y: number) => steps.push(`M${x},${y}`),
    lineTo: (x: number, y: number) => steps.push(`L${x},${y}`),
  };
  traceLine(of, [0, of.times.length], gapMs, { x: (ms) => ms * pixelsPerMs, y: (value) => value }, pen);
  return steps;
}

const second = (count: number, from = 0): [number, number][] =>
  Array.from({ length: count }, (_, i) => [from + i * 1000, i % 7]);

describe('the line of a series', () => {
  it('is connected, and breaks where the series was silent or has no number', () => {
    const of = track([
      [0, 1],
      [10, 2],
      [100, 3],
      [110, NaN],
      [120, 4],
      [130, 5],
    ]);
    expect(drawn(of, 50)).toEqual(['M0,1', 'L10,2', 'M100,3', 'M120,4', 'L130,5']);
  });

  it('of many points in one column of pixels keeps the first, the extremes and the last', () => {
    const of = track([
      [0, 5],
      [1, 9],
      [2, 1],
      [3, 4],
      [4, 6],
      [1000, 2],
    ]);
    expect(drawn(of, 5000, 0.01)).toEqual(['M0,5', 'L0,1', 'L0,9', 'L0,6', 'L10,2']);
  });

  it('costs no more than its width, and loses no extreme', () => {
    const values = fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 10, maxLength: 2000 });
    fc.assert(
      fc.property(values, (all) => {
        const of = track(all.map((value, i) => [i * 10, value]));
        const steps = drawn(of, Infinity, 0.005);
        const ys = steps.map((step) => Number(step.split(',')[1]));
        const columns = Math.ceil(all.length * 0.05) + 1;
        expect(steps.length).toBeLessThanOrEqual(4 * columns);
        expect([Math.min(...ys), Math.max(...ys)]).toEqual([Math.min(...all), Math.max(...all)]);
      }),
      { numRuns: 50 },
    );
  });

  it('stays connected over four of its usual steps, and over no less than two seconds', () => {
    expect(gapLimitMs(track(second(50)).times, 0)).toBe(4000);
    expect(
      gapLimitMs(
        track([
          [0, 1],
          [10, 1],
          [20, 1],
        ]).times,
        0,
      ),
    ).toBe(2000);
    expect(
      gapLimitMs(
        track([
          [0, 1],
          [1e9, 1],
        ]).times,
        0,
      ),
    ).toBe(Infinity);
    expect(gapLimitMs(track(second(5)).times, 60_000)).toBe(90_000);
  });
});

describe('a window of a series', () => {
  const of = track(second(10));

  it('has one point beyond either edge', () => {
    expect(visible(of.times, 2500, 5500)).toEqual([2, 7]);
    expect(visible(of.times, -1e6, 1e6)).toEqual([0, 10]);
    expect(visible(of.times, 1e6, 2e6)).toEqual([9, 10]);
  });

  it('is summed up with the bands of its points', () => {
    const buffer = new PointBuffer(10);
    buffer.push({ timeMs: 1, value: 5, min: 2, max: 9 });
    buffer.push({ timeMs: 2, value: 7 });
    expect(summarise(buffer.track(), 0, 10)).toEqual({ min: 2, max: 9, mean: 6, count: 2 });
    expect(summarise(buffer.track(), 3, 10)).toBeUndefined();
  });

  it('finds the nearest point, if it is near enough', () => {
    expect(nearestIndex(of.times, 2400, 500)).toBe(2);
    expect(nearestIndex(of.times, 2600, 500)).toBe(3);
    expect(nearestIndex(of.times, 99_000, 500)).toBe(-1);
    expect(nearestIndex(new Float64Array(), 0, 500)).toBe(-1);
  });
});

it('a live window is as wide as what there is to show, from a minute up to its full width', () => {
  const nowMs = 1e9;
  const width = (agoMs: number): number => liveWidthMs(nowMs - agoMs, nowMs, 300_000);
  expect([5000, 100_000, 299_000, 1e8].map(width)).toEqual([60_000, 105_000, 300_000, 300_000]);
  expect(liveWidthMs(Infinity, nowMs, 300_000)).toBe(300_000);
});

describe('the range of an axis', () => {
  it('holds its values with some room, in even steps', () => {
    const bounds = fc.tuple(
      fc.double({ min: -1e6, max: 1e6, noNaN: true }),
      fc.double({ min: 0, max: 1e6, noNaN: true }),
    );
    fc.assert(
      fc.property(bounds, ([min, width]) => {
        const [low, high] = niceRange(min, min + width, 'Cel');
        expect(low).toBeLessThanOrEqual(min);
        expect(high).toBeGreaterThanOrEqual(min + width);
        expect(high).toBeGreaterThan(low);
      }),
    );
    expect(niceStep(20, 4)).toBe(5);
    expect(niceRange(21.1, 22.9, 'Cel')).toEqual([20.5, 23.5]);
  });

  it('does not go below zero for what never does, nor above 100 %', () => {
    expect(niceRange(0.2, 9, 'W')[0]).toBe(0);
    expect(niceRange(1, 99.5, '/100')).toEqual([0, 100]);
  });

  it('of a flat line is no line', () => {
    const [low, high] = niceRange(5, 5, 'Cel');
    expect(high - low).toBeGreaterThan(0.5);
  });
});
