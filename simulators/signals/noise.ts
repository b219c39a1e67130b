/**
 * Chance that depends only on its arguments: the same seed, channel and tick give the same number on every machine and
 * in any order, so that a run can be repeated and a value checked without replaying what came before.
 * The mixing is that of MurmurHash3's 32-bit finaliser (Appleby, public domain).
 */
export function hash32(seed: number, channel: number, tick: number): number {
  let h = seed | 0;
  for (const word of [channel | 0, tick | 0, (tick / 2 ** 32) | 0]) {
    h = Math.imul(h ^ word, 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    h ^= h >>> 16;
  }
  return h >>> 0;
}

/** Uniform in [0, 1). */
export function uniform(seed: number, channel: number, tick: number): number {
  return hash32(seed, channel, tick) / 2 ** 32;
}

/** About normal, mean 0 and deviation 1: the sum of four uniforms, which is smooth enough for sensor noise. */
export function noise(seed: number, channel: number, tick: number): number {
  let sum = -2;
  for (let i = 0; i < 4; i += 1) sum += uniform(seed + i * 0x9e3779b9, channel, tick);
  return sum * Math.sqrt(3);
}
