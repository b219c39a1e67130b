import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Point, Reading } from '../../../core/contract/reading.js';
import { AnomalyContext, type ContextOptions } from '../../../core/signal/anomaly-context.js';
import { Hampel } from '../../../core/signal/detectors/hampel.js';
import { Threshold } from '../../../core/signal/detectors/threshold.js';
import type { Reducer } from '../../../core/signal/filter.js';
import { Pipeline, readingsOf } from '../../../core/signal/pipeline.js';
import { MinInterval } from '../../../core/signal/reducers/min-interval.js';
import { PassThrough } from '../../../core/signal/reducers/pass-through.js';
import { Swing } from '../../../core/signal/reducers/swing.js';
import { WindowReducer } from '../../../core/signal/reducers/window.js';
import { arbitrarySeries, noise, readings, startUs } from './series.js';

const second = 1_000_000;
const around: ContextOptions = { beforeUs: 3 * second, afterUs: 2 * second };
const reducers: Record<string, () => Reducer> = {
  window: () => new WindowReducer(60 * second),
  swing: () => new Swing({ tolerance: 1, maxGapUs: 600 * second }),
  'min interval': () => new MinInterval(60 * second),
  none: () => new PassThrough(),
};

function run(series: readonly Reading[], reducer: Reducer, options = around): { points: Point[]; dropped: number } {
  const pipeline = new Pipeline({
    filters: [new Hampel()],
    detectors: [new Threshold({ rule: 'hot', severity: 'info', side: 'above', threshold: 90, countSpikes: true })],
    reducer,
    context: new AnomalyContext(options),
  });
  const points: Point[] = [];
  for (const reading of series) pipeline.push(reading, points, []);
  pipeline.flush(Infinity, points);
  return { points, dropped: pipeline.takeDropped(() => undefined) };
}

const seconds = (points: readonly Point[]) =>
  points.map(({ timeUs }) => (timeUs - startUs) / second).sort((a, b) => a - b);

describe('around a spike', () => {
  const values = noise(300, 20, 0.05);
  values[150] = 60;

  it.each(['window', 'swing', 'min interval'])('the readings before and after go out, with %s', (name) => {
    const { points } = run(readings(values), reducers[name]!());
    const unchanged = points.filter(({ value, timeUs }) => value === values[(timeUs - startUs) / second]);
    for (let at = 147; at <= 152; at += 1) expect(seconds(unchanged), `${at}`).toContain(at);
    for (const at of seconds(points.filter(({ form }) => form === 'context'))) {
      expect(at).toBeGreaterThanOrEqual(147);
      expect(at).toBeLessThanOrEqual(152);
    }
    expect(points.find(({ quality }) => quality === 'spike')).toMatchObject({ value: 60 });
  });

  it('nothing goes out twice where every reading goes out anyway', () => {
    const { points } = run(readings(values), new PassThrough());
    expect(points.map(({ form }) => form)).toEqual(Array(300).fill('raw'));
  });
});

it('an alert has its context too, and one after another share theirs', () => {
  const context = (values: readonly number[]) => {
    const { points } = run(readings(values), new WindowReducer(60 * second));
    return seconds(points.filter(({ form }) => form === 'context'));
  };
  // Three readings are marked as spikes until the step is believed.
  const step = Array.from({ length: 200 }, (_, i) => (i < 100 ? 20 : 95));
  expect(context(step)).toEqual([97, 98, 99, 100, 101, 102, 103, 104]);
  const twice = Array.from({ length: 200 }, (_, i) => (i === 100 || i === 104 ? 95 : 85 + (i % 2) / 2));
  expect(context(twice)).toEqual([97, 98, 99, 100, 101, 102, 103, 104, 105, 106]);
});

it('keeps as many readings in memory as it may', () => {
  const values = noise(100, 20, 0.05);
  values[80] = 60;
  const options = { beforeUs: 3600 * second, afterUs: 0, maxReadings: 8 };
  const { points } = run(readings(values), new WindowReducer(60 * second), options);
  expect(seconds(points.filter(({ form }) => form === 'context'))).toEqual([72, 73, 74, 75, 76, 77, 78, 79, 80]);
});

it('for any series each reading is counted once, and no identity comes twice', () => {
  fc.assert(
    fc.property(arbitrarySeries, fc.constantFrom(...Object.values(reducers)), (series, create) => {
      const { points, dropped } = run(series, create());
      expect(points.reduce((sum, point) => sum + readingsOf(point), dropped)).toBe(series.length);
      const identities = points.map(({ form, timeUs }) => `${form} ${timeUs}`);
      expect(new Set(identities).size).toBe(identities.length);
      const values = new Map(series.map(({ timeUs, value }) => [timeUs, value]));
      for (const { form, timeUs, value } of points) if (form === 'context') expect(value).toBe(values.get(timeUs));
    }),
    { numRuns: 200 },
  );
});
