import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NoveltyCounts } from '../../../core/signal/detectors/novelty-counts.js';
import { NoveltyGap } from '../../../core/signal/detectors/novelty-gap.js';
import { NoveltyPeaks } from '../../../core/signal/detectors/novelty-peaks.js';
import { kinds, kindsPerLevel, levelSpans, NoveltyPyramid } from '../../../core/signal/detectors/novelty-pyramid.js';
import { NoveltyQuantiser, symbolCount } from '../../../core/signal/detectors/novelty-quantiser.js';
import { SlidingMaximum } from '../../../core/signal/detectors/sliding-maximum.js';
import { noise } from './series.js';

describe('the pyramid', () => {
  const values = noise(600, 10, 2);
  const mean = (part: readonly number[]) => part.reduce((sum, value) => sum + value, 0) / part.length;

  it('describes each span as counting it out does', () => {
    const pyramid = new NoveltyPyramid();
    values.forEach((value, i) => {
      pyramid.push(value);
      if (i < 128) return;
      levelSpans.forEach((span, level) => {
        const own = values.slice(i + 1 - span, i + 1);
        const both = values.slice(i + 1 - 2 * span, i + 1);
        const steps = own.map((value, k) => Math.abs(value - values[i - span + k]!));
        const feature = (kind: number) => pyramid.features[level * kindsPerLevel + kind];
        expect(feature(kinds.mean)).toBeCloseTo(mean(own), 9);
        expect(feature(kinds.maximum)).toBe(Math.max(...own));
        expect(feature(kinds.range)).toBe(Math.max(...both) - Math.min(...both));
        expect(feature(kinds.step)).toBeCloseTo(mean(steps), 9);
        expect(feature(kinds.change)).toBeCloseTo(mean(own) - mean(both.slice(0, span)), 9);
      });
    });
  });

  it('knows nothing of what was before a restart', () => {
    const [used, fresh] = [new NoveltyPyramid(), new NoveltyPyramid()];
    for (const value of values) used.push(value);
    used.restart();
    for (const value of noise(300, -5, 1)) {
      used.push(value);
      fresh.push(value);
      expect(used.features).toEqual(fresh.features);
    }
  });
});

describe('the quantiser', () => {
  it('gives nearby values one symbol, far ones others, and what is without bound the last', () => {
    const quantiser = new NoveltyQuantiser(1, { resolution: 3, memory: 1000 });
    const symbolOf = (value: number) => {
      const symbols = new Uint8Array(1);
      quantiser.push(Float64Array.of(value), symbols);
      return symbols[0]!;
    };
    for (const value of noise(2000, 50, 1)) symbolOf(value);
    const [centre, near, far, farther, beyond] = [50, 50.05, 60, 1000, 1e150].map(symbolOf);
    expect(centre).toBe(symbolCount / 2);
    expect(near).toBe(centre);
    expect(far).toBeGreaterThan(centre! + 4);
    expect(farther).toBeGreaterThan(far! + 4);
    expect(beyond).toBe(symbolCount - 1);
  });
});

describe('the counts', () => {
  const shape = { streams: 1, contexts: 2, contextStreams: 1 };
  const make = (memory = 1e9) => new NoveltyCounts(shape, { memory, novelShare: 0.1, priorReadings: 0.1 });
  const bits = (counts: NoveltyCounts, symbols: readonly number[]) =>
    symbols.map((symbol) => {
      counts.next(0);
      return -Math.log2(counts.probability(0, symbol));
    });

  it('find the rare more surprising than the common, and the new most', () => {
    const counts = make();
    bits(
      counts,
      Array.from({ length: 1000 }, (_, i) => (i % 100 === 0 ? 1 : 0)),
    );
    const [common, rare, fresh] = bits(counts, [0, 1, 2]);
    expect(common).toBeCloseTo(-Math.log2(0.99), 2);
    expect(rare).toBeCloseTo(-Math.log2(0.01), 1);
    expect(fresh).toBeGreaterThan(rare! + 4);
  });

  it('find the new less surprising in a stream that often brings it', () => {
    const [calm, lively] = [make(), make()];
    bits(calm, Array<number>(40).fill(0));
    bits(
      lively,
      Array.from({ length: 40 }, (_, i) => i),
    );
    expect(bits(lively, [60])[0]).toBeLessThan(bits(calm, [60])[0]! - 4);
  });

  it('forget: what was not seen for ten memories is new again, and numbers stay in range for ever', () => {
    const counts = make(100);
    const first = bits(counts, [...Array<number>(500).fill(1), 2]).at(-1)!;
    const late = bits(counts, [...Array<number>(50_000).fill(1), 2]);
    expect(late.at(-1)).toBeGreaterThan(first - 2);
    expect(late.every(Number.isFinite)).toBe(true);
    expect(late.at(-2)).toBeCloseTo(0, 1);
  });

  it('know what is usual in one context and not in another, and ask all of them in a new one', () => {
    const counts = make();
    const probabilityIn = (context: number, symbol: number) => {
      counts.next(context);
      return counts.probabilityIn(context, 0, symbol, counts.probability(0, symbol));
    };
    for (let i = 0; i < 100; i += 1) probabilityIn(0, i % 2);
    counts.next(1);
    const overall = counts.probability(0, 1);
    expect(counts.probabilityIn(1, 0, 1, overall)).toBeCloseTo(overall, 6);
    for (let i = 0; i < 100; i += 1) probabilityIn(1, 1);
    expect(probabilityIn(1, 1)).toBeGreaterThan(0.9);
    expect(probabilityIn(1, 0)).toBeLessThan(0.01);
    expect(probabilityIn(0, 0)).toBeGreaterThan(0.4);
  });
});

describe('the peaks', () => {
  const options = { smoothing: 1, floorBits: 1, memory: 1000, apart: 100, factor: 1.8 };
  const heights = (surprise: (i: number) => number) => {
    const peaks = new NoveltyPeaks(options);
    return Array.from({ length: 3000 }, (_, i) => peaks.push(surprise(i)));
  };
  const at = (heights: readonly number[]) => heights.flatMap((height, i) => (height > 1 ? [i] : []));

  it('are where the surprise is the highest of a while', () => {
    expect(at(heights((i) => (i === 1000 || i === 2000 ? 10 : 1)))).toEqual([1000, 2000]);
  });

  it('come once for one event, unless it grows a lot', () => {
    expect(at(heights((i) => (i >= 1000 && i < 1020 ? 8 + 0.1 * (i - 1000) : 1)))).toEqual([1000]);
    expect(at(heights((i) => (i === 1000 ? 6 : i === 1010 ? 20 : 1)))).toEqual([1000, 1010]);
  });
});

it('a gap is a pause of many times the usual interval, not a clock that steps back', () => {
  const gap = new NoveltyGap();
  const times = [0, 10, 20, 30, 20, 40, 50, 1000, 1010, 1015, 1020];
  expect(times.filter((timeUs) => gap.push(timeUs))).toEqual([1000]);
  gap.shift(1e9);
  expect(gap.push(1e9 + 1030)).toBe(false);
});

it('the sliding maximum agrees with looking at all numbers of the window', () => {
  const lists = fc.tuple(fc.array(fc.integer({ min: -5, max: 5 }), { maxLength: 60 }), fc.integer({ min: 1, max: 9 }));
  fc.assert(
    fc.property(lists, ([numbers, window]) => {
      const sliding = new SlidingMaximum(window);
      numbers.forEach((number, i) => {
        const before = numbers.slice(Math.max(0, i - window), i);
        expect(sliding.push(number)).toBe(before.every((each) => number > each));
      });
    }),
  );
});
