import type { Signal, SignalSeed } from '../signals/signal.js';
import { uniform } from '../signals/noise.js';

/**
 * Now and then one value far off, as loose wiring gives: with `probability` per 100 ms slot the value is
 * multiplied, or lifted, out of its range. Seeded, so that a checker knows where they are.
 */
export function withSpikes(signal: Signal, seed: SignalSeed, probability: number): Signal {
  if (probability <= 0) return signal;
  return (timeUs) => {
    const value = signal(timeUs);
    const isSpike = uniform(seed.seed ^ 0x5b1ce5, seed.channel, Math.floor(timeUs / 100_000)) < probability;
    return isSpike ? value * 8 + 50 : value;
  };
}
