import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { axisTicks, axisTimes } from '../../../cloud/console/page/charts/axis-times.js';

const minuteMs = 60_000;
const dayMs = 86_400_000;

describe('the ticks of a time axis', () => {
  it('stand at even times of the local clock', () => {
    const fromMs = new Date(2026, 10, 21, 12, 3, 17).getTime();
    const ticks = axisTicks(fromMs, fromMs + 15 * minuteMs, 5 * minuteMs);
    expect(ticks.map((ms) => new Date(ms).getMinutes())).toEqual([5, 10, 15]);
    expect(ticks.every((ms) => new Date(ms).getSeconds() === 0)).toBe(true);
  });

  it('of days stand at midnights, over a change of the clock as well', () => {
    const fromMs = new Date(2026, 2, 25, 8).getTime();
    const ticks = axisTicks(fromMs, fromMs + 8 * dayMs, dayMs);
    expect(ticks).toHaveLength(8);
    expect(ticks.every((ms) => new Date(ms).getHours() === 0)).toBe(true);
  });

  it('lie inside, ascend, and have a label each', () => {
    const steps = fc.constantFrom(1000, 15_000, minuteMs, 30 * minuteMs, 6 * 60 * minuteMs, dayMs, 7 * dayMs);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4e12 }), steps, (fromMs, stepMs) => {
        const toMs = fromMs + 10.5 * stepMs;
        const ticks = axisTicks(fromMs, toMs, stepMs);
        expect(ticks.length).toBeGreaterThan(8);
        expect(ticks.every((ms) => ms >= fromMs && ms <= toMs)).toBe(true);
        expect([...ticks].sort((a, b) => a - b)).toEqual(ticks);
        expect(axisTimes(ticks, stepMs)).toHaveLength(ticks.length);
      }),
    );
  });

  it('name the day where it begins', () => {
    const midnight = new Date(2026, 10, 21).getTime();
    const [before, at] = axisTimes([midnight - 3_600_000, midnight], 3_600_000);
    expect(before).toMatch(/^23.00$/);
    expect(at).toMatch(/21/);
  });
});
