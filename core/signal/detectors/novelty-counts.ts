import { FadingCounts } from './fading-counts.js';
import { symbolCount } from './novelty-quantiser.js';

export interface CountsOptions {
  /** Readings after which a count has faded to 1/e. */
  readonly memory: number;
  /** The share of the probability of anything new that one new symbol gets. */
  readonly novelShare: number;
  /** For how many readings in a context the probability without it counts. */
  readonly priorReadings: number;
}

export interface CountsShape {
  readonly streams: number;
  readonly contexts: number;
  /** Streams that are counted by context as well. */
  readonly contextStreams: number;
}

/** A symbol whose count has faded below this is new again. */
const forgotten = 0.01;

/** How probable the symbols of several streams are by what was counted before, at all times and in a context. */
export class NoveltyCounts {
  private readonly counts: FadingCounts;
  private readonly discoveriesAt: number;
  private readonly totalAt: number;
  private readonly contextsAt: number;
  private readonly contextTotalsAt: number;
  private readonly contexts: number;
  private readonly options: CountsOptions;

  constructor({ streams, contexts, contextStreams }: CountsShape, options: CountsOptions) {
    this.discoveriesAt = streams * symbolCount;
    this.totalAt = this.discoveriesAt + streams;
    this.contextsAt = this.totalAt + 1;
    this.contextTotalsAt = this.contextsAt + contextStreams * contexts * symbolCount;
    this.counts = new FadingCounts(this.contextTotalsAt + contexts, options.memory);
    this.contexts = contexts;
    this.options = options;
  }

  get bytes(): number {
    return this.counts.bytes;
  }

  /** To be called once for a reading, before its symbols. */
  next(context: number): void {
    this.counts.step();
    this.counts.add(this.totalAt);
    this.counts.add(this.contextTotalsAt + context);
  }

  /**
   * Counts a symbol; returns how probable it was. One not seen before is the more probable, the more often its stream
   * brought something new: I. J. Good: "The population frequencies of species", Biometrika 40 (1953) 237–264.
   */
  probability(stream: number, symbol: number): number {
    const { counts } = this;
    const cell = stream * symbolCount + symbol;
    const discoveries = this.discoveriesAt + stream;
    const count = counts.at(cell);
    if (count < forgotten) counts.add(discoveries);
    counts.add(cell);
    const total = counts.at(this.totalAt);
    return (count + (this.options.novelShare * counts.at(discoveries)) / total) / total;
  }

  /**
   * The same in a context. `overall` is the probability without it, which alone counts in a context that is new, so that
   * the first hours of a day are no anomaly.
   */
  probabilityIn(context: number, stream: number, symbol: number, overall: number): number {
    const { counts } = this;
    const { priorReadings } = this.options;
    const cell = this.contextsAt + (stream * this.contexts + context) * symbolCount + symbol;
    const count = counts.at(cell);
    counts.add(cell);
    // Without the reading at hand.
    const total = counts.at(this.contextTotalsAt + context) - 1;
    return (count + priorReadings * overall) / (total + priorReadings);
  }
}
