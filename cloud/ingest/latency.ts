import type { Clock } from '#core/runtime/clock.js';

/** Milliseconds over the window; undefined values never occur, an empty window is `null` where this is used. */
export interface LatencySummary {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

const slotMs = 10_000;
const slots = 6;
/** Buckets grow by this factor from 0.1 ms, so a percentile is right to about 5 %. */
const growth = 1.1;
const firstMs = 0.1;
const buckets = 300;

/** Latencies of the last minute, in fixed memory however many are observed. */
export class LatencyWindow {
  private readonly counts = Array.from({ length: slots }, () => new Uint32Array(buckets));
  private readonly maxima = new Float64Array(slots);
  private slot = 0;

  constructor(private readonly clock: Clock) {
    this.slot = this.now();
  }

  observe(ms: number): void {
    const index = this.turn() % slots;
    const bucket = Math.ceil(Math.log(Math.max(ms, firstMs) / firstMs) / Math.log(growth));
    this.counts[index]![Math.min(bucket, buckets - 1)]! += 1;
    this.maxima[index] = Math.max(this.maxima[index]!, ms);
  }

  /** Null when nothing was observed in the last minute. */
  summary(): LatencySummary | null {
    this.turn();
    const sums = new Uint32Array(buckets);
    for (const slot of this.counts) for (let i = 0; i < buckets; i += 1) sums[i]! += slot[i]!;
    const total = sums.reduce((sum, count) => sum + count, 0);
    if (total === 0) return null;
    const max = Math.max(...this.maxima);
    const at = (share: number): number => Math.min(max, percentile(sums, Math.ceil(total * share)));
    return { p50: at(0.5), p99: at(0.99), max };
  }

  /** Empties the slots whose time has passed; returns the number of the one in use. */
  private turn(): number {
    const now = this.now();
    for (let slot = Math.max(this.slot + 1, now - slots + 1); slot <= now; slot += 1) {
      this.counts[slot % slots]!.fill(0);
      this.maxima[slot % slots] = 0;
    }
    this.slot = now;
    return now;
  }

  private now(): number {
    return Math.floor(this.clock.monotonicMs() / slotMs);
  }
}

function percentile(counts: Uint32Array, rank: number): number {
  let seen = 0;
  for (let i = 0; i < counts.length; i += 1) {
    seen += counts[i]!;
    if (seen >= rank) return firstMs * growth ** i;
  }
  return Infinity;
}
