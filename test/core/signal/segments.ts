import fc from 'fast-check';
import type { Point, Reading } from '../../../core/contract/reading.js';
import type { Reducer } from '../../../core/signal/filter.js';
import { segmentValue, type SegmentReading } from '../../../core/signal/segment-value.js';
import { startUs } from './series.js';

/** What a reducer makes of a whole series, and how many readings it counted without a point. */
export function reduce(
  reducer: Reducer,
  series: readonly Reading[],
): { points: Point[]; dropped: Map<string, number> } {
  const points = series.flatMap((reading) => [...reducer.push(reading)]);
  points.push(...reducer.flush(Infinity));
  return { points, dropped: new Map(reducer.takeDropped?.()) };
}

/** The greatest distance of a reading from what its segments say; every reading must lie on one. */
export function worstError(series: readonly Reading[], points: readonly Point[], how: SegmentReading): number {
  const segments = points.filter(({ form }) => form === 'segment').sort((a, b) => a.timeUs - b.timeUs);
  let worst = 0;
  let at = 0;
  for (const { timeUs, value } of [...series].sort((a, b) => a.timeUs - b.timeUs)) {
    while (at + 1 < segments.length && segments[at + 1]!.timeUs <= timeUs) at += 1;
    const read = segmentValue(segments[at]!, segments[at + 1], timeUs, how);
    if (read === undefined) throw new Error(`nothing is known at ${timeUs}`);
    worst = Math.max(worst, Math.abs(Number(value) - read));
  }
  return worst;
}

const shape = fc.oneof(
  fc.record({ kind: fc.constant('flat' as const), count: fc.integer({ min: 1, max: 30 }) }),
  fc.record({ kind: fc.constant('ramp' as const), count: fc.integer({ min: 1, max: 30 }), by: fc.double(unit()) }),
  fc.record({ kind: fc.constant('noise' as const), values: fc.array(fc.double(unit()), { maxLength: 30 }) }),
  fc.record({ kind: fc.constant('step' as const), to: fc.double(unit()) }),
);

function unit() {
  return { min: -1, max: 1, noNaN: true };
}

/** Numbers in [-1, 1] or near it: flat stretches, ramps, noise and steps. */
const shapes = fc.array(shape, { minLength: 1, maxLength: 8 }).map((parts) => {
  const values: number[] = [];
  let level = 0;
  for (const part of parts) {
    if (part.kind === 'flat') values.push(...Array<number>(part.count).fill(level));
    else if (part.kind === 'step') values.push((level = part.to));
    else if (part.kind === 'noise') values.push(...part.values.map((value) => level + value / 10));
    else for (let i = 0; i < part.count; i += 1) values.push((level += part.by / 10));
  }
  return values;
});

/** A good series with irregular stamps, of any magnitude and decimals, and a tolerance that may suit it. */
export const numberSeries = fc
  .record({
    shapes,
    stepsUs: fc.array(
      fc.oneof(fc.integer({ min: 1, max: 100 }), fc.constant(1_000_000), fc.integer({ min: 1, max: 60_000_000 })),
      { minLength: 1, maxLength: 20 },
    ),
    scale: fc.oneof(
      fc.constantFrom(1, 100, 1e5),
      fc.integer({ min: -280, max: 240 }).map((e) => 10 ** e),
    ),
    offset: fc.oneof(
      fc.constant(0),
      fc.integer({ min: -20, max: 15 }).map((e) => 10 ** e),
    ),
    decimals: fc.option(fc.integer({ min: 0, max: 6 })),
    share: fc.integer({ min: -12, max: 1 }).map((e) => 10 ** e),
  })
  .map(({ shapes: values, stepsUs, scale, offset, decimals, share }) => {
    let timeUs = startUs;
    const series = values.map((value, i): Reading => {
      timeUs += stepsUs[i % stepsUs.length]!;
      const number = (value + offset) * scale;
      const rounded = decimals === null ? number : Number(number.toPrecision(decimals + 1));
      return { sensor: 's', timeUs, value: rounded, quality: 'good' };
    });
    return { series, tolerance: scale * share };
  })
  .filter(({ tolerance }) => tolerance > 0);
