import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PointBuffer, qualityOf } from '../../../cloud/console/page/model/point-buffer.js';
import { BucketFold } from '../../../cloud/console/page/model/live-bucket.js';

const timesOf = (buffer: PointBuffer): number[] => [...buffer.track().times];

describe('the buffer of a series', () => {
  it('keeps the newest points, in order of time', () => {
    const buffer = new PointBuffer(3);
    for (const timeMs of [1, 2, 3, 4, 5]) buffer.push({ timeMs, value: timeMs * 10 });
    expect(timesOf(buffer)).toEqual([3, 4, 5]);
    expect([...buffer.track().values]).toEqual([30, 40, 50]);
    expect(buffer.lastMs).toBe(5);
  });

  it('takes a late point in its place, replaces one of the same time, and lets one before all go', () => {
    const buffer = new PointBuffer(3);
    for (const timeMs of [10, 30, 40]) buffer.push({ timeMs, value: 1 });
    buffer.push({ timeMs: 20, value: 2, quality: 'spike' });
    buffer.push({ timeMs: 40, value: 3 });
    buffer.push({ timeMs: 5, value: 9 });
    expect(timesOf(buffer)).toEqual([20, 30, 40]);
    const { values, qualities, mins } = buffer.track();
    expect([...values]).toEqual([2, 1, 3]);
    expect(qualityOf(qualities[0]!)).toBe('spike');
    expect([...mins].every(Number.isNaN)).toBe(true);
  });

  it('is empty after clear, and hands out what is later than a time', () => {
    const buffer = new PointBuffer(10);
    for (const timeMs of [1, 2, 3]) buffer.push({ timeMs, value: timeMs, min: 0, max: 9 });
    expect(buffer.after(1).map(({ timeMs }) => timeMs)).toEqual([2, 3]);
    expect(buffer.after(2)[0]).toEqual({ timeMs: 3, value: 3, min: 0, max: 9, quality: 'good' });
    buffer.clear();
    expect([buffer.length, buffer.lastMs]).toEqual([0, -Infinity]);
    buffer.push({ timeMs: 1, value: 4 });
    expect(timesOf(buffer)).toEqual([1]);
  });

  it('holds what a sorted map would, however points come', () => {
    const point = fc.record({ timeMs: fc.integer({ min: 0, max: 400 }), value: fc.integer({ min: 0, max: 99 }) });
    fc.assert(
      fc.property(fc.array(point, { maxLength: 900 }), fc.integer({ min: 1, max: 150 }), (points, capacity) => {
        const buffer = new PointBuffer(capacity);
        let model = new Map<number, number>();
        for (const { timeMs, value } of points) {
          buffer.push({ timeMs, value });
          model.set(timeMs, value);
          model = new Map([...model].sort(([a], [b]) => a - b).slice(-capacity));
        }
        expect(timesOf(buffer)).toEqual([...model.keys()]);
        expect([...buffer.track().values]).toEqual([...model.values()]);
      }),
      { numRuns: 60 },
    );
  });

  it('takes memory for twice its capacity and no more', () => {
    const buffer = new PointBuffer(500);
    for (let timeMs = 0; timeMs < 100_000; timeMs += 1) buffer.push({ timeMs, value: 1 });
    expect(buffer.length).toBe(500);
    expect(buffer.track().times.buffer.byteLength).toBe(1000 * 8);
  });
});

describe('the open bucket of a rollup', () => {
  it('grows with the readings of its minute and begins anew with the next', () => {
    const fold = new BucketFold(60_000);
    fold.add({ timeMs: 60_001, value: 2 });
    expect(fold.add({ timeMs: 119_000, value: 4 })).toEqual({ startMs: 60_000, mean: 3, min: 2, max: 4 });
    expect(fold.add({ timeMs: 120_000, value: 7 })).toEqual({ startMs: 120_000, mean: 7, min: 7, max: 7 });
  });

  it('takes each point once, in order', () => {
    const fold = new BucketFold(60_000);
    fold.add({ timeMs: 1000, value: 2 });
    expect(fold.add({ timeMs: 1000, value: 2 })).toBeUndefined();
    expect(fold.add({ timeMs: 999, value: 100 })).toBeUndefined();
    expect(fold.add({ timeMs: 1001, value: 4 })!.mean).toBe(3);
  });

  it('weighs a window by its readings, and keeps its extremes', () => {
    const fold = new BucketFold(60_000);
    fold.add({ timeMs: 0, value: 1, count: 30, min: -5, max: 8 });
    expect(fold.add({ timeMs: 30_000, value: 4, count: 10, min: 3, max: 5 })).toEqual({
      startMs: 0,
      mean: 1.75,
      min: -5,
      max: 8,
    });
  });
});
