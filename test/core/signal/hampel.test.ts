import { describe, expect, it } from 'vitest';
import { Hampel, type HampelOptions } from '../../../core/signal/detectors/hampel.js';
import type { Reading } from '../../../core/contract/reading.js';
import { noise, readings } from './series.js';

function qualities(values: readonly number[], options?: HampelOptions): string {
  const filter = new Hampel(options);
  return readings(values)
    .flatMap((reading) => filter.push(reading))
    .map(({ quality }) => (quality === 'spike' ? '!' : '.'))
    .join('');
}

describe('finds spikes at once', () => {
  it('in noise', () => {
    const values = noise(200, 20, 0.2);
    values[50] = 40;
    values[51] = 41;
    values[120] = -3;
    const found = [...qualities(values)].flatMap((mark, i) => (mark === '!' ? [i] : []));
    expect(found).toEqual([50, 51, 120]);
  });

  it('in a constant series, whose MAD is 0', () => {
    expect(qualities([5, 5, 5, 5, 5, 5, 5, 5, 9, 5, 5])).toBe('........!..');
  });

  it('not before half a window is known', () => {
    expect(qualities([5, 5, 99, 5, 5, 5, 99, 99])).toBe('.......!');
  });
});

describe('takes for no spike', () => {
  it('the noise step of a constant series', () => {
    const steps = [21, 21, 21, 21, 21, 21, 21.0625, 21, 21, 20.9375, 21, 21, 21.0625];
    expect(qualities(steps)).not.toContain('!');
  });

  it('a step around zero that the sensor is known to make', () => {
    const steps = [0, 0, 0, 0, 0, 0, 0, 0, 0.1, 0, 0, -0.1, 0];
    expect(qualities(steps)).toContain('!');
    expect(qualities(steps, { minDeviation: 0.2 })).not.toContain('!');
  });

  it('a ramp', () => {
    expect(qualities(Array.from({ length: 100 }, (_, i) => 20 + i))).not.toContain('!');
  });
});

describe('follows a step', () => {
  const step = [...Array<number>(12).fill(10), ...Array<number>(12).fill(20)];

  it('after as many readings as a spike may last', () => {
    expect(qualities(step)).toBe(`${'.'.repeat(12)}!!!${'.'.repeat(9)}`);
    expect(qualities(step, { maxSpikeReadings: 1 })).toBe(`${'.'.repeat(12)}!${'.'.repeat(11)}`);
  });

  it('and sees spikes of the new level again', () => {
    expect(qualities([...step, 90, 20, 20]).slice(-3)).toBe('!..');
  });
});

it('marks few readings of plain noise', () => {
  const marks = [...qualities(noise(20_000, 0, 1), { minShare: 0 })].filter((mark) => mark === '!');
  expect(marks.length).toBeLessThan(20_000 * 0.003);
});

describe('modes', () => {
  const values = [5, 5, 5, 5, 5, 5, 5, 5, 9, 5];

  it('replace puts the median, with less trust', () => {
    const filter = new Hampel({ mode: 'replace' });
    const passed = readings(values).flatMap((reading) => filter.push(reading));
    expect(passed[8]).toMatchObject({ value: 5, quality: 'uncertain' });
    expect(filter.takeDropped().size).toBe(0);
  });

  it('drop leaves out and counts, once', () => {
    const filter = new Hampel({ mode: 'drop' });
    const passed = readings(values).flatMap((reading) => filter.push(reading));
    expect(passed).toHaveLength(9);
    expect([...filter.takeDropped()]).toEqual([['spike', 1]]);
    expect(filter.takeDropped().size).toBe(0);
  });
});

it('lets text, booleans and doubted readings pass unseen', () => {
  const filter = new Hampel();
  const odd: Reading[] = [
    { sensor: 's', timeUs: 1, value: 'on', quality: 'good' },
    { sensor: 's', timeUs: 2, value: true, quality: 'good' },
    { sensor: 's', timeUs: 3, value: 1e9, quality: 'bad' },
  ];
  for (const reading of readings([5, 5, 5, 5, 5, 5, 5, 5])) filter.push(reading);
  for (const reading of odd) expect(filter.push(reading)).toEqual([reading]);
  expect(filter.push(readings([5])[0]!)[0]!.quality).toBe('good');
});

it.each([{ window: 2 }, { window: 4.5 }, { window: 3, maxSpikeReadings: 3 }])('refuses %o', (options) => {
  expect(() => new Hampel(options)).toThrow(RangeError);
});
