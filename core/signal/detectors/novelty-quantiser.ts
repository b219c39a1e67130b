/** Symbols are 0 to `symbolCount - 1`; the outermost two stand for all that is farther. */
export const symbolCount = 64;
const middle = symbolCount / 2;

export interface QuantiserOptions {
  /** Symbols per unit of asinh(distance / spread). */
  readonly resolution: number;
  /** Readings that centre and spread are averaged over at most. */
  readonly memory: number;
}

/**
 * Turns features of unknown range into a few symbols: linear around the running centre, logarithmic far from it. So
 * neither a range nor a scale need be known, and ten spreads away and a thousand are told apart. Centre and spread (mean
 * absolute deviation) are plain averages at first and follow slowly later.
 */
export class NoveltyQuantiser {
  private readonly centre: Float64Array;
  private readonly spread: Float64Array;
  private seen = 0;

  constructor(
    features: number,
    private readonly options: QuantiserOptions,
  ) {
    this.centre = new Float64Array(features);
    this.spread = new Float64Array(features);
  }

  get bytes(): number {
    return this.centre.byteLength + this.spread.byteLength;
  }

  /** Writes the symbol of each feature, and learns from it after that. */
  push(features: Float64Array, symbols: Uint8Array): void {
    this.seen = Math.min(this.seen + 1, this.options.memory);
    for (let i = 0; i < features.length; i += 1) {
      const distance = features[i]! - this.centre[i]!;
      symbols[i] = this.seen === 1 ? middle : this.symbol(distance, this.centre[i]!, this.spread[i]!);
      this.centre[i]! += distance / this.seen;
      if (this.seen > 1) this.spread[i]! += (Math.abs(distance) - this.spread[i]!) / this.seen;
    }
  }

  private symbol(distance: number, centre: number, spread: number): number {
    // Of a constant every change is a great one, a rounding error excepted.
    const scale = spread > 0 ? spread : 1e-9 * (Math.abs(centre) + 1e-9);
    const symbol = middle + Math.round(this.options.resolution * Math.asinh(distance / scale));
    return Math.max(0, Math.min(symbolCount - 1, symbol));
  }
}
