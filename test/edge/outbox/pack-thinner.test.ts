import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { catalogueHash } from '../../../core/contract/catalogue.js';
import { decodePack, encodePack } from '../../../core/contract/pack.js';
import { numericValue, windowSum, type Point } from '../../../core/contract/reading.js';
import { minuteUs } from '../../../core/contract/time.js';
import type { Entry } from '../../../edge/outbox/outbox.js';
import { PackThinner } from '../../../edge/outbox/pack-thinner.js';
import { thinPoints } from '../../../edge/outbox/thin-points.js';
import { arbitraryPoint, rawPoint, testCatalogue, testEpoch, testPack } from '../../support/packs.js';

const catalogue = testCatalogue(['temp', 'door', 'note']);
const units = new Map([['temp', 'Cel']]);
const device = { site: 'plant1', device: 'press-07' };
const thinner = new PackThinner({ device, catalogueHash: () => catalogueHash(catalogue) });
/** A whole minute. */
const t0 = 1_795_251_180_000_000;
const second = 1_000_000;

function entry(seq: number, points: readonly Point[], from = catalogue): Entry {
  const payload = encodePack(testPack(from, seq, points), units);
  return { seq, lane: 'data', readings: points.length, payload };
}

/** One reading a second from `seconds` on. */
function temperatures(seconds: number, count: number): Point[] {
  return Array.from({ length: count }, (_, i) => rawPoint('temp', t0 + (seconds + i) * second, (seconds + i) % 7));
}

describe('thinning packs', () => {
  it('merges the readings of each whole minute, and leaves the open one', () => {
    const entries = [0, 30, 60, 90].map((from, index) => entry(5 + index, temperatures(from, 30)));
    const { payload, readings } = thinner.thin(entries, [[5, 8]], 20, testEpoch)!;
    const pack = decodePack(payload, device);
    expect(pack).toMatchObject({ seq: 20, epoch: testEpoch, replaces: [[5, 8]], catalogue: catalogueHash(catalogue) });
    expect(pack.units).toEqual(units);
    expect(readings).toBe(61);
    const [window, ...rest] = pack.points;
    const values = temperatures(0, 60).map(({ value }) => value as number);
    const mean = values.reduce((sum, value) => sum + value, 0) / 60;
    const parts = { spanUs: minuteUs, count: 60, min: 0, max: 6, first: 0, last: 59 % 7 };
    expect(window).toMatchObject({ sensor: 'temp', timeUs: t0, form: 'window', quality: 'good', window: parts });
    expect(window!.value).toBeCloseTo(mean, 12);
    expect(rest).toEqual(temperatures(60, 60));
    expect(payload.byteLength).toBeLessThan(entries.reduce((sum, one) => sum + one.payload.byteLength, 0));
  });

  it('makes no second window of a minute that two groups share', () => {
    const first = thinPoints(temperatures(0, 90), minuteUs);
    const second = thinPoints(temperatures(90, 90), minuteUs);
    const windows = [...first, ...second].filter(({ form }) => form === 'window');
    expect(windows.map(({ timeUs, window }) => [timeUs, window!.count])).toEqual([
      [t0, 60],
      [t0 + minuteUs, 30],
    ]);
  });

  it('keeps what somebody will want to see: text, booleans, alarming and undated readings, segments', () => {
    const extra: Point[] = [
      { ...rawPoint('door', t0 + 1, true) },
      { ...rawPoint('note', t0 + 2, 'jam') },
      { ...rawPoint('temp', t0 + 3, 240), quality: 'spike' },
      { ...rawPoint('temp', t0 + 4, 5), quality: 'clock-unsynced' },
      { ...rawPoint('temp', t0 + 5, 5), form: 'segment' },
    ];
    const context: Point = { ...rawPoint('temp', t0 + 6, 5), form: 'context' };
    const thinned = thinPoints([...temperatures(0, 70), ...extra, context], minuteUs);
    expect(thinned).toEqual(expect.arrayContaining(extra));
    expect(thinned).toHaveLength(1 + 10 + extra.length);
  });

  it('gives a window the worst quality of its readings', () => {
    const points = temperatures(0, 61);
    points[30] = { ...points[30]!, quality: 'uncertain' };
    expect(thinPoints(points, minuteUs)[0]).toMatchObject({ form: 'window', quality: 'uncertain' });
  });

  it('merges smaller windows only with the first of their minute at hand', () => {
    const windows = Array.from({ length: 12 }, (_, i): Point => ({
      ...rawPoint('temp', t0 + i * 10 * second, i),
      form: 'window',
      window: { spanUs: 10 * second, count: 10, min: i - 1, max: i + 1, first: i, last: i },
    }));
    expect(thinPoints(windows, minuteUs)[0]).toMatchObject({
      value: 2.5,
      window: { spanUs: minuteUs, count: 60, min: -1, max: 6, first: 0, last: 5 },
    });
    expect(thinPoints(windows.slice(1), minuteUs).slice(0, 5)).toEqual(windows.slice(1, 6));
  });

  it('changes no sum, count or extreme, whatever the points', () => {
    const times = fc.integer({ min: 0, max: 300 }).map((at) => t0 + at * second);
    fc.assert(
      fc.property(fc.array(arbitraryPoint(['temp', 'other'], times), { maxLength: 200 }), (generated) => {
        // Small numbers, or their sums would differ by rounding.
        const points = generated
          .filter(({ form, window }) => form !== 'context' && window === undefined)
          .map((point, i) => (typeof point.value === 'number' ? { ...point, value: i % 100 } : point));
        const thinned = thinPoints(points, minuteUs);
        expect(totals(thinned)).toEqual(totals(points));
        const windows = thinned
          .filter(({ form }) => form === 'window')
          .map(({ sensor, timeUs }) => `${sensor}${timeUs}`);
        expect(new Set(windows).size).toBe(windows.length);
      }),
    );
  });

  it('leaves what is not one catalogue, no pack at all, an alert, or not worth it', () => {
    const other = testCatalogue(['temp', 'more']);
    const long = entry(0, temperatures(0, 90));
    expect(thinner.thin([long, entry(1, temperatures(90, 90), other)], [[0, 1]], 9, testEpoch)).toBeUndefined();
    expect(thinner.thin([{ ...long, payload: Buffer.from('noise') }], [[0, 0]], 9, testEpoch)).toBeUndefined();
    expect(thinner.thin([{ ...long, lane: 'alert' }], [[0, 0]], 9, testEpoch)).toBeUndefined();
    expect(thinner.thin([entry(0, temperatures(0, 5))], [[0, 0]], 9, testEpoch)).toBeUndefined();
    expect(thinner.thin([long], [[0, 0]], 9, testEpoch)).toBeDefined();
  });

  it('makes a tombstone that any reader of packs understands', () => {
    const pack = decodePack(thinner.tombstone('outbox-full', 1234, [[3, 7]], 9, testEpoch), device);
    expect(pack).toMatchObject({
      seq: 9,
      epoch: testEpoch,
      points: [],
      replaces: [[3, 7]],
      dropped: { reason: 'outbox-full', count: 1234 },
    });
  });
});

/** By sensor: sum, count, lowest and highest of everything numeric. */
function totals(points: readonly Point[]) {
  const all: Record<string, [sum: number, count: number, min: number, max: number]> = {};
  for (const { sensor, value, window } of points) {
    const number = numericValue(value);
    if (number === undefined) continue;
    const [sum, count, min, max] = all[sensor] ?? [0, 0, Infinity, -Infinity];
    const added = window ? Math.round(windowSum(number, window)) : number;
    all[sensor] = [
      sum + added,
      count + (window?.count ?? 1),
      Math.min(min, window?.min ?? number),
      Math.max(max, window?.max ?? number),
    ];
  }
  return all;
}
