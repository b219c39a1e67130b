import type { Catalogue } from '#core/contract/catalogue.js';
import type { SeriesId } from '#core/contract/names.js';
import { seriesKey } from '#core/contract/names.js';
import type { Form } from '#core/contract/reading.js';
import type { SegmentReading } from '#core/signal/segment-value.js';
import { linePrefix, sameTags, type TagSet } from './tag-set.js';
import type { RollupForm } from './tiers.js';

/** The tags that a series has from a time on. */
export interface TagVersion extends TagSet {
  /** The border of a UTC day; minus infinity for the first. */
  readonly fromUs: number;
  /** The newest stamp of the pack that brought it. */
  readonly sinceUs: number;
}

type AnyForm = Form | RollupForm;

/**
 * The tags of one series, by time. The tags of a point are a function of its identity and of nothing else, so the same
 * point is the same InfluxDB series whenever and in whatever pack it comes; and because tags change only between two
 * UTC days, no bucket of any tier ever stands in two.
 */
export class Series implements SeriesId {
  readonly site: string;
  readonly device: string;
  readonly sensor: string;
  /** The form of the rollups that its newest stored points entered; undefined until this process wrote one. */
  enteredAs: RollupForm | undefined;
  /** How its segments are read; undefined as long as none came, or the catalogue does not say it: they are not rolled up. */
  reading: SegmentReading | undefined;
  /** The newest segment point stored by this process; undefined where an older one may be stored. */
  lastSegmentUs: number | undefined;
  private versions: { readonly tags: TagVersion; readonly prefixes: Map<AnyForm, string> }[] = [];

  constructor(id: SeriesId, versions: readonly TagVersion[], reading?: SegmentReading) {
    this.site = id.site;
    this.device = id.device;
    this.sensor = id.sensor;
    this.reading = reading;
    this.setVersions(versions);
  }

  get key(): string {
    return seriesKey(this);
  }

  get tagVersions(): readonly TagVersion[] {
    return this.versions.map(({ tags }) => tags);
  }

  get newest(): TagVersion {
    return this.versions.at(-1)!.tags;
  }

  setVersions(versions: readonly TagVersion[]): void {
    this.versions = versions.map((tags) => ({ tags, prefixes: new Map() }));
  }

  /** Measurement and tags in line protocol, with the space behind them. */
  prefix(form: AnyForm, timeUs: number): string {
    let version = this.versions.at(-1)!;
    for (let i = this.versions.length - 2; timeUs < version.tags.fromUs; i -= 1) version = this.versions[i]!;
    let prefix = version.prefixes.get(form);
    if (prefix === undefined) {
      const { site, device, sensor } = this;
      const { quantity, labels } = version.tags;
      prefix = linePrefix(quantity, { ...Object.fromEntries(labels), site, device, sensor, form });
      version.prefixes.set(form, prefix);
    }
    return prefix;
  }
}

/** The versions after a change of tags that takes effect at `fromUs`, a border between two days. */
export function withChange(versions: readonly TagVersion[], change: TagVersion): TagVersion[] {
  const kept = versions.filter(({ fromUs }) => fromUs < change.fromUs);
  const last = kept.at(-1);
  // Back to what it was before the other change took effect.
  if (last && sameTags(last, change)) return [...kept.slice(0, -1), { ...last, sinceUs: change.sinceUs }];
  return [...kept, change];
}

/** Every series that was ever written, in memory. Loaded at start; {@link SeriesRegistrar} adds to it. */
export class SeriesRegistry {
  private readonly devices = new Map<string, Map<string, Series>>();
  private count = 0;

  get size(): number {
    return this.count;
  }

  /** The longest gap, in microseconds, across which segments of any series are read; undefined if there are none. */
  longestGapUs(): number | undefined {
    let longest: number | undefined;
    for (const { reading } of this) if (reading) longest = Math.max(longest ?? 0, reading.maxGapUs);
    return longest;
  }

  find(site: string, device: string, sensor: string): Series | undefined {
    return this.devices.get(`${site}/${device}`)?.get(sensor);
  }

  /** A device's series by sensor; the map is live. */
  device({ site, device }: Pick<Catalogue, 'site' | 'device'>): Map<string, Series> {
    const key = `${site}/${device}`;
    let series = this.devices.get(key);
    if (!series) this.devices.set(key, (series = new Map()));
    return series;
  }

  put(series: Series): void {
    const device = this.device(series);
    if (!device.has(series.sensor)) this.count += 1;
    device.set(series.sensor, series);
  }

  *[Symbol.iterator](): Iterator<Series> {
    for (const device of this.devices.values()) yield* device.values();
  }
}
