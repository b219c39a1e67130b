import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Alert } from '../../../core/contract/alert.js';
import type { Point, Reading } from '../../../core/contract/reading.js';
import { Hampel } from '../../../core/signal/detectors/hampel.js';
import { Threshold } from '../../../core/signal/detectors/threshold.js';
import { Pipeline, readingsOf } from '../../../core/signal/pipeline.js';
import { PassThrough } from '../../../core/signal/reducers/pass-through.js';
import { WindowReducer } from '../../../core/signal/reducers/window.js';
import { arbitrarySeries, readings } from './series.js';

function build(mode: 'mark' | 'drop' | 'replace', windowed: boolean): Pipeline {
  return new Pipeline({
    filters: [new Hampel({ mode }), new Hampel({ window: 5, maxSpikeReadings: 2, mode: 'drop' })],
    detectors: [
      new Threshold({ rule: 'high', severity: 'info', side: 'above', threshold: 100 }),
      new Threshold({ rule: 'low', severity: 'info', side: 'below', threshold: -100, holdUs: 2_000_000 }),
    ],
    reducer: windowed ? new WindowReducer(10_000_000) : new PassThrough(),
  });
}

interface Result {
  points: Point[];
  alerts: Alert[];
  dropped: number;
}

/** Pushes the series cut into chunks, asking for what was dropped after each. */
function run(pipeline: Pipeline, chunks: readonly (readonly Reading[])[]): Result {
  const result: Result = { points: [], alerts: [], dropped: 0 };
  for (const chunk of chunks) {
    for (const reading of chunk) pipeline.push(reading, result.points, result.alerts);
    result.dropped += pipeline.takeDropped(() => undefined);
  }
  pipeline.flush(Infinity, result.points);
  return result;
}

function cut<T>(items: readonly T[], sizes: readonly number[]): T[][] {
  const chunks: T[][] = [];
  for (let from = 0, i = 0; from < items.length; i += 1) {
    const size = sizes[i % sizes.length] ?? 1;
    chunks.push(items.slice(from, from + size));
    from += size;
  }
  return chunks;
}

const mode = fc.constantFrom('mark' as const, 'drop' as const, 'replace' as const);
const sizes = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 });

it('gives the same however the series is cut', () => {
  fc.assert(
    fc.property(arbitrarySeries, mode, fc.boolean(), sizes, (series, which, windowed, cuts) => {
      expect(run(build(which, windowed), cut(series, cuts))).toEqual(run(build(which, windowed), [series]));
    }),
    { numRuns: 200 },
  );
});

it('loses no reading: in = counted in points + dropped', () => {
  fc.assert(
    fc.property(arbitrarySeries, mode, fc.boolean(), (series, which, windowed) => {
      const { points, dropped } = run(build(which, windowed), [series]);
      expect(points.reduce((sum, point) => sum + readingsOf(point), 0) + dropped).toBe(series.length);
    }),
    { numRuns: 200 },
  );
});

it('without steps hands every reading on as a raw point', () => {
  const series = readings([1, 'two', true]);
  const { points } = run(new Pipeline({ reducer: new PassThrough() }), [series]);
  expect(points).toEqual(series.map((reading) => ({ ...reading, form: 'raw' })));
});

it('counts what filters dropped, by reason', () => {
  const pipeline = build('drop', false);
  for (const reading of readings([5, 5, 5, 5, 5, 5, 5, 5, 500, 5])) pipeline.push(reading, [], []);
  const counts = new Map<string, number>();
  pipeline.takeDropped((reason, count) => counts.set(reason, count));
  expect([...counts]).toEqual([['spike', 1]]);
});
