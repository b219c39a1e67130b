import { symbolCount } from './novelty-quantiser.js';

export interface CountsOptions {
  /** Readings after which a count has faded to 1/e. */
  readonly memory: number;
  /** The share of the probability of anything new that one new symbol gets. */
  readonly novelShare: number;
}

/** New counts grow instead of old ones fading; at this weight all are put back into range, in a few microseconds. */
const greatestWeight = 2 ** 20;
/** A symbol whose count has faded below this is new again. */
const forgotten = 0.01;

/**
 * Fading counts of the symbols of several streams, and how surprising a symbol is: −log₂ of its probability. A symbol
 * not seen before surprises the less, the more often its stream brought something new: I. J. Good: "The population
 * frequencies of species", Biometrika 40 (1953) 237–264.
 */
export class NoveltyCounts {
  private readonly counts: Float32Array;
  /** Per stream: the weight of the symbols that were new when they came. */
  private readonly discoveries: Float64Array;
  private readonly growth: number;
  private readonly novelShare: number;
  private weight = 1;
  private total = 0;

  /** `tables` histograms for `streams` streams; a stream has one for each of its contexts. */
  constructor(tables: number, streams: number, { memory, novelShare }: CountsOptions) {
    this.counts = new Float32Array(tables * symbolCount);
    this.discoveries = new Float64Array(streams);
    this.growth = 1 + 1 / memory;
    this.novelShare = novelShare;
  }

  get bytes(): number {
    return this.counts.byteLength + this.discoveries.byteLength;
  }

  /** To be called once for a reading, before its symbols. */
  next(): void {
    this.weight *= this.growth;
    this.total += this.weight;
    if (this.weight > greatestWeight) this.rescale();
  }

  /** The surprise of a symbol in bits; then the symbol is counted. */
  surprise(stream: number, table: number, symbol: number): number {
    const cell = table * symbolCount + symbol;
    const count = this.counts[cell]!;
    if (count < forgotten * this.weight) this.discoveries[stream]! += this.weight;
    this.counts[cell] = count + this.weight;
    const unseen = (this.novelShare * this.discoveries[stream]! * this.weight) / this.total;
    return -Math.log2((count + unseen) / this.total);
  }

  private rescale(): void {
    const factor = 1 / this.weight;
    for (let i = 0; i < this.counts.length; i += 1) this.counts[i]! *= factor;
    for (let i = 0; i < this.discoveries.length; i += 1) this.discoveries[i]! *= factor;
    this.total *= factor;
    this.weight = 1;
  }
}
