const perMs = 10;
const maxMs = 20_000;

/** Latencies counted in steps of 0.1 ms, up to 20 s. */
export class Latencies {
  private readonly counts = new Uint32Array(maxMs * perMs + 1);
  private total = 0;
  maxMs = 0;

  add(latencyMs: number): void {
    this.counts[Math.min(maxMs * perMs, Math.ceil(latencyMs * perMs))]! += 1;
    this.total += 1;
    if (latencyMs > this.maxMs) this.maxMs = latencyMs;
  }

  /** In milliseconds, rounded up to the step; NaN if there are none. */
  percentile(fraction: number): number {
    let left = Math.ceil(this.total * fraction);
    if (left === 0) return Number.NaN;
    const step = this.counts.findIndex((count) => (left -= count) <= 0);
    return step / perMs;
  }
}
