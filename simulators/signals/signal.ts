import { dayUs } from '#core/contract/time.js';
import { noise, uniform } from './noise.js';

/** A sensor that exists only in numbers: its value at any time, in the unit of its description. Pure. */
export type Signal = (timeUs: number) => number;

export interface SignalSeed {
  readonly seed: number;
  readonly channel: number;
}

/** The resolution of a real sensor of the kind: values are multiples of it. */
function quantise(value: number, step: number): number {
  return Math.round(value / step) * (step < 1 ? 1 / Math.round(1 / step) : step);
}

/** -1 at four in the morning, 1 at four in the afternoon, UTC. */
function daily(timeUs: number): number {
  return -Math.cos((2 * Math.PI * (timeUs - dayUs / 6)) / dayUs);
}

const tickUs = 100_000;

function jitter({ seed, channel }: SignalSeed, timeUs: number): number {
  return noise(seed, channel, Math.floor(timeUs / tickUs));
}

/** A machine runs for some minutes and rests for some: 1 or 0 by its own rhythm. */
function running({ seed, channel }: SignalSeed, timeUs: number): number {
  const periodUs = 300_000_000 + 600_000_000 * uniform(seed, channel, 1);
  const cycle = Math.floor(timeUs / periodUs);
  return uniform(seed, channel, cycle + 2) < 0.8 ? 1 : 0;
}

export const signals = {
  roomTemperature: (s) => (t) =>
    quantise(21 + uniform(s.seed, s.channel, 0) * 2 + 1.5 * daily(t) + 0.05 * jitter(s, t), 0.01),
  humidity: (s) => (t) => quantise(45 + uniform(s.seed, s.channel, 0) * 5 - 6 * daily(t) + 0.3 * jitter(s, t), 0.1),
  occupancy: (s) => (t) => Math.max(0, Math.round((3 + 5 * uniform(s.seed, s.channel, 0)) * daily(t) + jitter(s, t))),
  // The integral of a daily load: a meter that only rises.
  energy: (s) => (t) => {
    const watts = 200 + 600 * uniform(s.seed, s.channel, 0);
    const hours = (t % (365 * dayUs)) / 3.6e9;
    const swing = (24 / (2 * Math.PI)) * 0.6 * Math.sin((2 * Math.PI * (hours - 4)) / 24);
    return quantise(watts * (hours - swing), 0.1);
  },
  machineTemperature: (s) => (t) =>
    quantise(38 + 30 * running(s, t) + 3 * uniform(s.seed, s.channel, 0) + 0.2 * jitter(s, t), 0.01),
  vibration: (s) => (t) => quantise(Math.abs(0.05 + 1.2 * running(s, t) + 0.1 * jitter(s, t)), 0.001),
  current: (s) => (t) => quantise(Math.max(0, 0.4 + 12 * running(s, t) + 0.3 * jitter(s, t)), 0.01),
  pressure: (s) => (t) =>
    quantise(600_000 + 20_000 * uniform(s.seed, s.channel, 0) + 15_000 * running(s, t) + 400 * jitter(s, t), 1),
} as const satisfies Record<string, (seed: SignalSeed) => Signal>;

export type SignalName = keyof typeof signals;
