import type { Unit } from '#core/contract/units.js';

/**
 * What sensors of a unit commonly differ by from one reading to the next without anything having happened: a few steps
 * of the coarse ones. Below it nothing is a spike, unless the configuration says otherwise.
 */
// prettier-ignore
const floors: Partial<Record<Unit, number>> = {
  Cel: 0.5, K: 0.5, '%RH': 2, '/100': 2, hPa: 0.5, Pa: 50, V: 0.05, mV: 5, A: 0.05, mA: 5, W: 1, kW: 0.05,
  lx: 5, ppm: 25, dB: 1, 'm/s2': 0.05, 'm/s': 0.2, '1/min': 50, Hz: 0.05, pH: 0.05, count: 1, '/': 0.02,
  B: 1_048_576, 'B/s': 65_536, s: 1,
};

/** In the unit itself; 0 for a unit of which nothing is known. */
export function noiseFloor(unit: string): number {
  return floors[unit as Unit] ?? 0;
}
