import { numericValue, type Point } from '#core/contract/reading.js';
import { SequenceRanges } from '#core/contract/sequence-ranges.js';
import { dayUs } from '#core/contract/time.js';
import { addLateParts, pieceOf, piecePart } from '#core/signal/segment-rollup.js';
import type { Clock } from '#core/runtime/clock.js';
import type { BucketNames } from './buckets.js';
import type { DirtyMarks } from './dirty-marks.js';
import { fromBucket, matching, pivotFields } from './flux.js';
import type { InfluxClient } from './influx-client.js';
import type { LineWriter } from './line-writer.js';
import type { Patience } from './patience.js';
import type { ExpiredPoint } from './point-lines.js';
import {
  mergeParts,
  partsOfReading,
  partsOfSegments,
  partsOfWindow,
  readParts,
  rollupLine,
  rowTimeUs,
} from './rollup-rows.js';
import type { TimedParts } from './rollup-rows.js';
import type { Seal } from './seal.js';
import type { Series } from './series-registry.js';
import { entryOf, rollupTiers, type Entry, type RollupForm, type TierSpec } from './tiers.js';

export interface ExpiredMergerOptions {
  readonly client: InfluxClient;
  readonly writer: LineWriter;
  readonly patience: Patience;
  readonly withinMs: number;
  readonly marks: DirtyMarks;
  readonly seal: Seal;
  readonly buckets: BucketNames;
  readonly clock: Clock;
}

/** What some packs add to one stored rollup. */
interface Addition {
  readonly series: Series;
  readonly tier: TierSpec;
  readonly form: RollupForm;
  readonly bucketUs: number;
  /** By the pack's epoch and number. */
  readonly packs: Map<
    string,
    { readonly epoch: string; readonly seq: number; readonly parts: Map<number, TimedParts> }
  >;
}

/** A rollup as it stands, with the packs that were added to it since it was last computed. */
interface Sealed {
  readonly parts: TimedParts | undefined;
  readonly applied: string;
}

/**
 * Adds points that are older than the raw retention to the rollups that are still kept. A rollup remembers which packs
 * were added to it, so that a replay adds nothing, and the whole new rollup is written, so that a repeat changes nothing.
 */
export class ExpiredMerger {
  constructor(private readonly options: ExpiredMergerOptions) {}

  async merge(expired: readonly ExpiredPoint[]): Promise<void> {
    for (const group of groupsOf(this.additions(expired))) {
      const stored = await this.readSealed(group);
      const lines = group.flatMap((addition) => mergedLine(addition, stored.get(keyOf(addition))) ?? []);
      const rejected = await this.options.writer.write(this.options.buckets[group[0]!.tier.name], [lines.join('\n')]);
      for (const { error } of rejected) throw error;
    }
  }

  private additions(expired: readonly ExpiredPoint[]): Addition[] {
    const { seal, clock, marks } = this.options;
    const nowUs = clock.nowUs();
    const additions = new Map<string, Addition>();
    for (const { entry, tier, bucketUs, parts, of } of giftsOf(expired)) {
      if (bucketUs < seal.keptFrom(tier.name, nowUs)) continue;
      const { series } = of;
      const computed = tier.index > entry.tier.index && !seal.isSealed(tier, bucketUs, nowUs);
      if (computed) marks.add(tier, series, bucketUs);
      else note(additions, { series, tier, form: entry.form, bucketUs, packs: new Map() }, of, parts());
    }
    return [...additions.values()];
  }

  private async readSealed(group: readonly Addition[]): Promise<Map<string, Sealed>> {
    const { client, patience, withinMs, buckets } = this.options;
    const { tier, series } = group[0]!;
    const starts = group.map(({ bucketUs }) => bucketUs);
    const range = { fromUs: Math.min(...starts), toUs: Math.max(...starts) + tier.widthUs };
    const { site, device } = series;
    const flux = `${fromBucket(buckets[tier.name], range, matching({ site, device }))} |> ${pivotFields}`;
    const rows = await patience.run(withinMs, () =>
      client.collect(flux, (row) => {
        const key = sealedKey(row.get('sensor')!, row.get('form')!, rowTimeUs(row));
        return [key, { parts: readParts(row, tier.widthUs - 1), applied: row.get('applied') ?? '' }] as const;
      }),
    );
    return new Map(rows);
  }
}

/** What a point gives to one bucket of one tier. */
interface Gift {
  readonly entry: Entry;
  readonly tier: TierSpec;
  readonly bucketUs: number;
  readonly of: ExpiredPoint;
  readonly parts: () => TimedParts;
}

function* giftsOf(expired: readonly ExpiredPoint[]): Generator<Gift> {
  for (const [i, of] of expired.entries()) {
    const { point } = of;
    if (point.form === 'segment') yield* segmentGifts(of, nextOf(expired, i));
    const entry = entryOf(point);
    if (!entry) continue;
    for (const tier of rollupTiers.slice(entry.tier.index)) {
      const bucketUs = Math.floor(point.timeUs / tier.widthUs) * tier.widthUs;
      yield { entry, tier, bucketUs, of, parts: () => partsOf(point) };
    }
  }
}

/** Within a pack, because a rollup remembers whole packs: a line from one pack to the next is not drawn. */
function nextOf(expired: readonly ExpiredPoint[], i: number): Point | undefined {
  const { series, point, epoch, seq } = expired[i]!;
  for (let at = i + 1; at < expired.length; at += 1) {
    const next = expired[at]!;
    if (next.epoch !== epoch || next.seq !== seq) return undefined;
    if (next.series === series && next.point.form === 'segment') {
      return next.point.timeUs > point.timeUs ? next.point : undefined;
    }
  }
  return undefined;
}

function* segmentGifts(of: ExpiredPoint, next: Point | undefined): Generator<Gift> {
  const { reading } = of.series;
  const piece = reading && pieceOf(of.point, next, reading);
  if (!piece) return;
  const entry: Entry = { tier: rollupTiers[0], form: 'segment' };
  for (const tier of rollupTiers) {
    const { widthUs } = tier;
    for (let bucketUs = Math.floor(piece.fromUs / widthUs) * widthUs; bucketUs < piece.untilUs; bucketUs += widthUs) {
      const part = piecePart(piece, bucketUs, bucketUs + widthUs)!;
      yield { entry, tier, bucketUs, of, parts: () => partsOfSegments(part) };
    }
  }
}

function note(additions: Map<string, Addition>, blank: Addition, of: ExpiredPoint, parts: TimedParts): void {
  const { point, epoch, seq } = of;
  const key = `${blank.tier.index} ${blank.series.key} ${keyOf(blank)}`;
  let addition = additions.get(key);
  if (!addition) additions.set(key, (addition = blank));
  const packKey = `${epoch} ${seq}`;
  let pack = addition.packs.get(packKey);
  if (!pack) addition.packs.set(packKey, (pack = { epoch, seq, parts: new Map() }));
  // A point that stands twice in a pack is one.
  pack.parts.set(point.timeUs, parts);
}

/** Additions that one query can look up: of one tier and device, and near each other in time. */
function groupsOf(additions: readonly Addition[]): Addition[][] {
  const groups = new Map<string, Addition[]>();
  for (const addition of additions) {
    const { tier, series, bucketUs } = addition;
    const span = [dayUs, 60 * dayUs, 3650 * dayUs][tier.index]!;
    const key = `${tier.index} ${series.site}/${series.device} ${Math.floor(bucketUs / span)}`;
    const group = groups.get(key);
    if (group) group.push(addition);
    else groups.set(key, [addition]);
  }
  return [...groups.values()];
}

function keyOf({ series, form, bucketUs }: Addition): string {
  return sealedKey(series.sensor, form, bucketUs);
}

function sealedKey(sensor: string, form: string, bucketUs: number): string {
  return `${sensor} ${form} ${bucketUs}`;
}

/** The rollup with the packs that it does not have yet; undefined if it has them all. */
function mergedLine({ series, tier, form, bucketUs, packs }: Addition, stored: Sealed | undefined): string | undefined {
  const applied = parseApplied(stored?.applied ?? '');
  let parts = stored?.parts;
  let changed = false;
  for (const { epoch, seq, parts: given } of packs.values()) {
    const ranges = applied.get(epoch) ?? SequenceRanges.from();
    if (ranges.has(seq)) continue;
    ranges.add(seq);
    applied.set(epoch, ranges);
    changed = true;
    for (const more of given.values()) parts = added(parts, more, tier.widthUs);
  }
  if (!changed || !parts) return undefined;
  return rollupLine({ series, form, bucketUs, parts }, appliedText(applied));
}

function partsOf({ value, window, timeUs }: Point): TimedParts {
  const number = numericValue(value)!;
  return window ? partsOfWindow(number, window, timeUs) : partsOfReading(number, timeUs);
}

function added(parts: TimedParts | undefined, more: TimedParts, widthUs: number): TimedParts {
  if (!parts) return more;
  if (parts.coveredUs === undefined || more.coveredUs === undefined) {
    mergeParts(parts, more);
    return parts;
  }
  const both = { ...parts, weight: parts.coveredUs };
  addLateParts(both, { ...more, weight: more.coveredUs }, widthUs);
  return partsOfSegments(both);
}

/** `<epoch>:<ranges> <epoch>:<ranges>` */
function parseApplied(text: string): Map<string, SequenceRanges> {
  const entries = text.split(' ').filter((entry) => entry !== '');
  return new Map(
    entries.map((entry) => {
      const [epoch, ranges] = entry.split(':') as [string, string];
      return [epoch, SequenceRanges.parse(ranges)];
    }),
  );
}

function appliedText(applied: ReadonlyMap<string, SequenceRanges>): string {
  return [...applied].map(([epoch, ranges]) => `${epoch}:${ranges.toString()}`).join(' ');
}
