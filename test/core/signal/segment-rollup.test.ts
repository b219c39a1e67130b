import fc from 'fast-check';
import { expect, test } from 'vitest';
import { interpolations } from '../../../core/contract/catalogue.js';
import { qualities, type Point } from '../../../core/contract/reading.js';
import {
  addLateParts,
  addParts,
  mixParts,
  segmentParts,
  type TimedParts,
} from '../../../core/signal/segment-rollup.js';
import { isTrusted, segmentValue, type SegmentReading } from '../../../core/signal/segment-value.js';

const point = (timeUs: number, value: Point['value'], quality: Point['quality'] = 'good'): Point => ({
  sensor: 'temp',
  timeUs,
  value,
  quality,
  form: 'segment',
});

const hold = (maxGapUs = 1000): SegmentReading => ({ interpolation: 'hold', maxGapUs });
const linear = (maxGapUs = 1000): SegmentReading => ({ interpolation: 'linear', maxGapUs });

test('a held level weighs its time', () => {
  const points = [point(-40, 5), point(20, 10), point(50, 0), point(130, 7)];
  expect(segmentParts(points, hold(), 0, 60)).toEqual({
    ...{ sum: 20 * 5 + 30 * 10, weight: 60, count: 2, min: 0, max: 10, first: 5, last: 0, firstUs: 0, lastUs: 59 },
  });
});

test('a line is cut at the borders of the bucket', () => {
  expect(segmentParts([point(-50, 0), point(150, 200)], linear(), 0, 100)).toEqual({
    ...{ sum: 100 * 100, weight: 100, count: 0, min: 50, max: 150, first: 50, last: 150, firstUs: 0, lastUs: 99 },
  });
});

test('over a gap, beside what is not to be trusted, and behind the last point nobody knows', () => {
  const points = [point(10, 4), point(30, 8, 'bad'), point(40, 6), point(95, 7)];
  expect(segmentParts(points, linear(50), 0, 100)).toMatchObject({ weight: 3, count: 3, sum: 17, min: 4, max: 7 });
  expect(segmentParts(points, hold(50), 0, 100)).toMatchObject({ weight: 22, count: 3, first: 4, last: 7 });
  expect(segmentParts([point(30, 8, 'bad'), point(40, 'off')], hold(), 0, 100)).toBeUndefined();
  expect(segmentParts([point(-200, 8), point(300, 8)], hold(499), 0, 100)).toBeUndefined();
});

test('with no interpolation nothing is rolled up', () => {
  const points = [point(-1, 100), point(10, 4), point(30, 8), point(60, 100)];
  expect(segmentParts(points, { interpolation: 'none', maxGapUs: 1000 }, 0, 60)).toBeUndefined();
});

const streams = fc.record({
  points: fc.uniqueArray(
    fc.record({
      timeUs: fc.integer({ min: -150, max: 250 }),
      value: fc.oneof(
        { weight: 8, arbitrary: fc.integer({ min: -50, max: 50 }) },
        { weight: 1, arbitrary: fc.constantFrom('off', true) },
      ),
      quality: fc.oneof({ weight: 8, arbitrary: fc.constant('good' as const) }, fc.constantFrom(...qualities)),
    }),
    { selector: ({ timeUs }) => timeUs, maxLength: 14 },
  ),
  interpolation: fc.constantFrom(...interpolations),
  maxGapUs: fc.integer({ min: 1, max: 150 }),
});

/** Microsecond by microsecond, from what the series was in the middle of each. */
function bruteForce(points: readonly Point[], how: SegmentReading, fromUs: number, untilUs: number) {
  const found = { sum: 0, weight: 0, count: 0, min: Infinity, max: -Infinity };
  for (let timeUs = fromUs; timeUs < untilUs; timeUs += 1) {
    const i = points.findLastIndex((each) => each.timeUs <= timeUs);
    const before = points[i];
    if (!before || !isTrusted(before) || how.interpolation === 'none') continue;
    const isPoint = before.timeUs === timeUs;
    const known = segmentValue(before, points[i + 1], timeUs + 0.5, how);
    const value = known ?? (isPoint ? segmentValue(before, undefined, timeUs, how) : undefined);
    if (value === undefined) continue;
    found.sum += value;
    found.weight += 1;
    if (isPoint) found.count += 1;
    found.min = Math.min(found.min, value);
    found.max = Math.max(found.max, value);
  }
  return found;
}

test('equals what the series was at each microsecond, and parts of buckets add up', () => {
  fc.assert(
    fc.property(streams, ({ points: drawn, ...how }) => {
      const points = drawn.map((each) => point(each.timeUs, each.value, each.quality));
      points.sort((a, b) => a.timeUs - b.timeUs);
      const parts = segmentParts(points, how, 0, 120);
      const brute = bruteForce(points, how, 0, 120);
      expect([parts?.weight ?? 0, parts?.count ?? 0]).toEqual([brute.weight, brute.count]);
      if (!parts) return;
      expect(parts.sum).toBeCloseTo(brute.sum, 6);
      expect(parts.min).toBeLessThanOrEqual(brute.min);
      expect(parts.max).toBeGreaterThanOrEqual(brute.max);
      expect(parts.sum / parts.weight).toBeLessThanOrEqual(parts.max + 1e-9);
      const halves = [0, 40, 80].flatMap((fromUs) => segmentParts(points, how, fromUs, fromUs + 40) ?? []);
      expectClose(halves.reduce(added), parts);
    }),
  );
});

function added(sum: TimedParts, part: TimedParts): TimedParts {
  const both = { ...sum };
  addParts(both, part);
  return both;
}

function expectClose(parts: TimedParts, expected: TimedParts): void {
  for (const [name, value] of Object.entries(expected)) expect(parts[name as 'sum'], name).toBeCloseTo(value, 6);
}

const readings: TimedParts = {
  ...{ sum: 30, weight: 3, count: 3, min: 5, max: 15, first: 15, last: 5, firstUs: 10, lastUs: 50 },
};
const covering = (weight: number): TimedParts => ({
  ...{ sum: 20 * weight, weight, count: 2, min: 20, max: 20, first: 20, last: 20, firstUs: 0, lastUs: weight - 1 },
});

test('readings beside segments stand for their time, as far as it is free', () => {
  expect(mixParts(readings, covering(100), 100)).toMatchObject({ weight: 100, sum: 2000, count: 5, min: 5, last: 20 });
  expect(mixParts(readings, covering(40), 100)).toMatchObject({ weight: 81, sum: 800 + 410, last: 5 });
  expect(mixParts(readings, covering(90), 100)).toMatchObject({ weight: 100, sum: 1800 + 100 });
  const single = { ...readings, lastUs: readings.firstUs };
  expect(mixParts(single, covering(1), 100)).toMatchObject({ weight: 2, sum: 20 + 10, count: 5 });
});

test('late parts take no more time than the bucket has left', () => {
  const parts = covering(80);
  addLateParts(parts, { ...covering(40), sum: 400, firstUs: 50, lastUs: 89, last: 10 }, 100);
  expect(parts).toMatchObject({ weight: 100, sum: 1600 + 200, count: 4, last: 10 });
});

test('huge values stay finite', () => {
  const points = [point(0, Number.MAX_VALUE), point(60, -Number.MAX_VALUE)];
  const parts = segmentParts(points, linear(), 0, 30)!;
  expect(Object.values(parts).every(Number.isFinite)).toBe(true);
});
