import { NoveltyCounts, type CountsOptions } from './novelty-counts.js';
import { NoveltyGap } from './novelty-gap.js';
import { NoveltyPeaks, type PeakOptions } from './novelty-peaks.js';
import { featureCount, kinds, kindsPerLevel, levelSpans, NoveltyPyramid } from './novelty-pyramid.js';
import { NoveltyQuantiser, type QuantiserOptions } from './novelty-quantiser.js';

export interface NoveltyOptions extends Partial<QuantiserOptions & CountsOptions & PeakOptions> {
  /** Readings that are learned from and get the score 0. Default 750. */
  readonly warmup?: number;
  /** How much a daily feature counts beside a plain one. Default 2.5. */
  readonly dailyWeight?: number;
}

/** One set for all sensors. Each may be a fifth more or less at a cost of at most four points of a hundred. */
const defaults = {
  resolution: 3,
  memory: 16_000,
  novelShare: 0.1,
  priorReadings: 0.1,
  smoothing: 8,
  floorBits: 1.8,
  apart: 130,
  factor: 1.7,
} satisfies QuantiserOptions & CountsOptions & PeakOptions;

const dayUs = 86_400_000_000;
/** Parts of the day (UTC) in which the daily features are counted apart. */
const dayParts = 8;
const dailyFeatures = Uint8Array.from(
  levelSpans.flatMap((_, level) => [kinds.mean, kinds.maximum].map((kind) => level * kindsPerLevel + kind)),
);
/** The height of a peak that gets the score 0.5. */
const halfHeight = 0.52;
/** Keeps differences and sums finite. */
const greatest = 1e150;

/**
 * Streaming anomaly detection for one series of numbers: how improbable is what the last 1, 4, 16 and 64 readings look
 * like, by all that was seen before, and at this time of day? It needs to be told nothing of the series, never looks
 * ahead, and forgets slowly. Memory is fixed (see `bytes`); a push makes no object and costs a few microseconds.
 *
 * The steps: features at several scales (`NoveltyPyramid`) → symbols (`NoveltyQuantiser`) → surprise by fading counts,
 * averaged (`NoveltyCounts`) → peaks over the usual surprise (`NoveltyPeaks`) → a score from 0 to 1.
 *
 * Novelty of quantised values is the idea of the Contextual Anomaly Detector (M. Smirnov: CAD OSE, 2016); to measure it
 * by its own history is that of S. Ahmad et al.: "Unsupervised real-time anomaly detection for streaming data",
 * Neurocomputing 262 (2017) 134–147. Spans, contexts and peaks are ours: docs/decisions/008-anomaly-detector.md.
 */
export class NoveltyDetector {
  private readonly pyramid = new NoveltyPyramid();
  private readonly gap = new NoveltyGap();
  private readonly symbols = new Uint8Array(featureCount);
  private readonly probabilities = new Float64Array(featureCount);
  private readonly quantiser: NoveltyQuantiser;
  private readonly counts: NoveltyCounts;
  private readonly peaks: NoveltyPeaks;
  private readonly warmup: number;
  private readonly dailyWeight: number;
  private seen = 0;

  constructor({ warmup = 750, dailyWeight = 2.5, ...options }: NoveltyOptions = {}) {
    const settings = { ...defaults, ...options };
    this.quantiser = new NoveltyQuantiser(featureCount, settings);
    const shape = { streams: featureCount, contexts: dayParts, contextStreams: dailyFeatures.length };
    this.counts = new NoveltyCounts(shape, settings);
    this.peaks = new NoveltyPeaks(settings);
    this.warmup = warmup;
    this.dailyWeight = dailyWeight;
  }

  /** What its arrays hold: nearly all of its memory, and the same for every series. */
  get bytes(): number {
    const { pyramid, quantiser, counts, peaks, symbols, probabilities } = this;
    const own = symbols.byteLength + probabilities.byteLength;
    return own + pyramid.bytes + quantiser.bytes + counts.bytes + peaks.bytes;
  }

  /** By how many of its own deviations the series surprises now; about 0 is usual. */
  get deviations(): number {
    return this.peaks.deviations;
  }

  /** The score of a reading, 0 to 1; nearly always 0. What is no finite number gets 0 and is not learned from. */
  push(timeUs: number, value: number): number {
    if (!Number.isFinite(value)) return 0;
    if (this.gap.push(timeUs)) this.pyramid.restart();
    this.pyramid.push(Math.max(-greatest, Math.min(greatest, value)));
    this.quantiser.push(this.pyramid.features, this.symbols);
    this.seen += 1;
    const height = this.peaks.push(this.surprise(timeUs));
    return this.seen <= this.warmup ? 0 : 1 - Math.pow(2, -height / halfHeight);
  }

  /** The clock was set by so many microseconds. */
  shift(byUs: number): void {
    this.gap.shift(byUs);
  }

  /** The mean surprise of all features, in bits: −log₂ of how probable they were. */
  private surprise(timeUs: number): number {
    const { counts, symbols, probabilities } = this;
    const part = Math.floor((timeUs / dayUs - Math.floor(timeUs / dayUs)) * dayParts);
    counts.next(part);
    let plain = 0;
    for (let i = 0; i < featureCount; i += 1) {
      probabilities[i] = counts.probability(i, symbols[i]!);
      plain -= Math.log2(probabilities[i]!);
    }
    let daily = 0;
    for (let i = 0; i < dailyFeatures.length; i += 1) {
      const feature = dailyFeatures[i]!;
      daily -= Math.log2(counts.probabilityIn(part, i, symbols[feature]!, probabilities[feature]!));
    }
    return (plain + this.dailyWeight * daily) / (featureCount + this.dailyWeight * dailyFeatures.length);
  }
}
