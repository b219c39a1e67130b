import fc from 'fast-check';
import type { Quality, Reading } from '../../../core/contract/reading.js';

export const startUs = Date.UTC(2026, 10, 21, 10, 0, 0) * 1000;

/** One reading a second from 10:00:00 UTC, or every `stepUs`. */
export function readings(
  values: readonly (number | string | boolean)[],
  stepUs = 1_000_000,
  fromUs = startUs,
): Reading[] {
  return values.map((value, i) => ({ sensor: 's', timeUs: fromUs + i * stepUs, value, quality: 'good' }));
}

/** Numbers around `centre`, the same at each run, about normal with the standard deviation `spread`. */
export function noise(count: number, centre: number, spread: number, seed = 7): number[] {
  let state = seed;
  const uniform = () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
  return Array.from(
    { length: count },
    () => centre + spread * (uniform() + uniform() + uniform() + uniform() - 2) * 1.73,
  );
}

const qualities: Quality[] = ['good', 'good', 'good', 'good', 'uncertain', 'spike', 'bad', 'clock-unsynced'];
const value = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: -1000, max: 1000 }) },
  { weight: 4, arbitrary: fc.double({ min: -1e3, max: 1e3, noNaN: true }) },
  { weight: 1, arbitrary: fc.boolean() },
  { weight: 1, arbitrary: fc.constantFrom('on', 'off') },
);

/** Milliseconds to the next reading: mostly forward, now and then a late reading, a gap, or a step of the clock. */
const stepMs = fc.oneof(
  { weight: 20, arbitrary: fc.integer({ min: 1, max: 4000 }) },
  { weight: 2, arbitrary: fc.integer({ min: -9000, max: -1 }) },
  { weight: 1, arbitrary: fc.integer({ min: -400_000, max: 400_000 }) },
);

/** Any series of one sensor as an agent hands it on: no two stamps are equal. */
export const arbitrarySeries: fc.Arbitrary<Reading[]> = fc
  .array(fc.record({ stepMs, value, quality: fc.constantFrom(...qualities) }), { maxLength: 120 })
  .map((parts) => {
    const seen = new Set<number>();
    let timeUs = startUs;
    return parts.map(({ stepMs: ms, value, quality }) => {
      timeUs += ms * 1000;
      while (seen.has(timeUs)) timeUs += 1;
      seen.add(timeUs);
      return { sensor: 's', timeUs, value, quality };
    });
  });
