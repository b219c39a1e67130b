import type { Catalogue, SensorDescription } from '#core/contract/catalogue.js';
import { deviceKey, seriesKey, type SeriesId } from '#core/contract/names.js';
import { dayUs } from '#core/contract/time.js';
import type { Clock } from '#core/runtime/clock.js';
import type { SegmentReading } from '#core/signal/segment-value.js';
import { RejectedError } from '#core/runtime/errors.js';
import type { Logger } from '#core/runtime/logger.js';
import type { PackToStore } from '../store.js';
import { stringText } from './fields.js';
import { matchingAny, type Flux } from './flux.js';
import type { FluxRow } from './flux-csv.js';
import { Series, withChange, type SeriesRegistry, type TagVersion } from './series-registry.js';
import { stateTimeUs, type StateStore } from './state-store.js';
import { linePrefix, sameTags, tagSetOf } from './tag-set.js';

export interface SeriesRegistrarOptions {
  readonly registry: SeriesRegistry;
  readonly state: StateStore;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly labelTags: readonly string[];
  /** The newest stamp stored of each of these series, by series key. */
  readonly newestStored: (series: readonly SeriesId[]) => Promise<ReadonlyMap<string, number>>;
}

/** The catalogue that speaks for a device, and the newest stamp that came with it. */
interface Speaker {
  catalogue: string;
  newestUs: number;
}

/** A series that a pack describes otherwise than the registry does, or that the registry does not know. */
interface News {
  readonly id: SeriesId;
  readonly description: SensorDescription;
  readonly newestUs: number;
  /** Whether a segment point of it came. */
  readonly hasSegments: boolean;
}

/**
 * Makes new series, and new tags of known ones, durable before the first point is written under them.
 * New tags take effect at the first border of a UTC day after everything that is stored of the series.
 */
export class SeriesRegistrar {
  private readonly speakers = new Map<string, Speaker>();

  constructor(private readonly options: SeriesRegistrarOptions) {}

  async load(...terms: readonly Flux[]): Promise<void> {
    const { state, registry } = this.options;
    for (const { id, versions, reading } of await state.load('series', readSeries, ...terms)) {
      const known = registry.find(id.site, id.device, id.sensor);
      if (known) take(known, versions, reading);
      else registry.put(new Series(id, versions, reading));
    }
  }

  /** Afterwards the registry knows every series of the packs. Throws RejectedError `refused` for an unknown sensor. */
  async prepare(packs: readonly PackToStore[]): Promise<void> {
    const news = packs.flatMap((pack) => this.newsOf(pack));
    if (news.length === 0) return;
    try {
      await this.learn(news);
    } catch (error) {
      // Nothing was learnt: the same packs must be news again.
      for (const { pack } of packs) this.speakers.delete(deviceKey(pack));
      throw error;
    }
  }

  private async learn(news: readonly News[]): Promise<void> {
    // Another process may have written for these devices since we read the registry.
    const devices = new Map(news.map(({ id: { site, device } }) => [deviceKey({ site, device }), { site, device }]));
    await this.load(matchingAny([...devices.values()]));
    const unknown = new Map<string, Series>();
    const changed: News[] = [];
    const reread: Series[] = [];
    for (const item of news) {
      const { site, device, sensor } = item.id;
      const known = this.options.registry.find(site, device, sensor);
      if (!known) unknown.set(seriesKey(item.id), this.firstVersion(item));
      else {
        if (isReadAnew(known, item)) reread.push(new Series(item.id, known.tagVersions, readingOf(item.description)));
        if (this.differs(known, item)) changed.push(item);
      }
    }
    await this.save([...unknown.values(), ...reread]);
    if (changed.length > 0) await this.change(changed);
  }

  private newsOf({ pack, catalogue }: PackToStore): News[] {
    const known = this.options.registry.device(pack);
    const [unknown, segmented] = [new Set<string>(), new Set<string>()];
    let [sensor, newestUs]: [string | undefined, number] = [undefined, Number.NEGATIVE_INFINITY];
    for (const point of pack.points) {
      if (point.timeUs > newestUs) newestUs = point.timeUs;
      if (point.form === 'segment' && isUnread(known, catalogue, point.sensor)) segmented.add(point.sensor);
      if (point.sensor === sensor) continue;
      sensor = point.sensor;
      if (!known.has(sensor)) unknown.add(sensor);
    }
    const sensors = this.speaksAnew(pack, newestUs)
      ? [...unknown, ...segmented, ...Object.keys(catalogue.sensors).filter((name) => known.has(name))]
      : [...unknown, ...segmented];
    return [...new Set(sensors)].map((name) => {
      const description = Object.hasOwn(catalogue.sensors, name) ? catalogue.sensors[name] : undefined;
      if (!description) throw new RejectedError('refused', `the catalogue ${pack.catalogue} has no sensor ${name}`);
      const id = { site: pack.site, device: pack.device, sensor: name };
      return { id, description, newestUs, hasSegments: segmented.has(name) };
    });
  }

  /** Whether the pack's catalogue is news: a backlog under an older catalogue is not. */
  private speaksAnew({ site, device, catalogue, points }: PackToStore['pack'], newestUs: number): boolean {
    if (points.length === 0) return false;
    const speaker = this.speakers.get(deviceKey({ site, device }));
    if (speaker && speaker.catalogue === catalogue) {
      speaker.newestUs = Math.max(speaker.newestUs, newestUs);
      return false;
    }
    if (speaker && newestUs <= speaker.newestUs) return false;
    this.speakers.set(deviceKey({ site, device }), { catalogue, newestUs });
    return true;
  }

  private firstVersion({ id, description, newestUs, hasSegments }: News): Series {
    const tags = tagSetOf(description, this.options.labelTags);
    return new Series(
      id,
      [{ ...tags, fromUs: Number.NEGATIVE_INFINITY, sinceUs: newestUs }],
      hasSegments ? readingOf(description) : undefined,
    );
  }

  private differs({ newest }: Series, { description, newestUs }: News): boolean {
    return newestUs > newest.sinceUs && !sameTags(newest, tagSetOf(description, this.options.labelTags));
  }

  private async change(changed: readonly News[]): Promise<void> {
    const { registry, clock, logger, labelTags } = this.options;
    const newestStored = await this.options.newestStored(changed.map(({ id }) => id));
    const renewed = changed.map(({ id, description, newestUs }) => {
      const known = registry.find(id.site, id.device, id.sensor)!;
      const lastUs = Math.max(clock.nowUs(), newestStored.get(known.key) ?? Number.NEGATIVE_INFINITY);
      const fromUs = (Math.floor(lastUs / dayUs) + 1) * dayUs;
      const change = { ...tagSetOf(description, labelTags), fromUs, sinceUs: newestUs };
      logger.info({ series: known.key, from: fromUs }, 'InfluxDB: new tags of a series take effect with a new day');
      return new Series(id, withChange(known.tagVersions, change), known.reading);
    });
    await this.save(renewed);
  }

  private async save(series: readonly Series[]): Promise<void> {
    await this.options.state.save(series.map(seriesLine));
    for (const each of series) {
      const known = this.options.registry.find(each.site, each.device, each.sensor);
      if (known) take(known, each.tagVersions, each.reading);
      else this.options.registry.put(each);
    }
  }
}

/** Whether it is not known yet how the segments of a sensor are read, and the catalogue says it. */
function isUnread(known: ReadonlyMap<string, Series>, { sensors }: Catalogue, sensor: string): boolean {
  if (known.get(sensor)?.reading || !Object.hasOwn(sensors, sensor)) return false;
  return sensors[sensor]!.interpolation !== 'none';
}

function take(series: Series, versions: readonly TagVersion[], reading: SegmentReading | undefined): void {
  series.setVersions(versions);
  series.reading = reading;
}

function readingOf({ interpolation, maxGapUs }: SensorDescription): SegmentReading | undefined {
  return interpolation === 'none' ? undefined : { interpolation, maxGapUs };
}

function isReadAnew({ reading }: Series, { description, hasSegments }: News): boolean {
  // How segments were read stays where none come any more: those that are stored are still to be read so.
  if (description.interpolation === 'none') return false;
  if (!reading) return hasSegments;
  return reading.interpolation !== description.interpolation || reading.maxGapUs !== description.maxGapUs;
}

function seriesLine(series: Series): string {
  const { site, device, sensor } = series;
  // JSON has no minus infinity: it becomes null.
  const versions = JSON.stringify(series.tagVersions);
  const reading = series.reading ? `,reading=${stringText(JSON.stringify(series.reading))}` : '';
  return `${linePrefix('series', { site, device, sensor })}versions=${stringText(versions)}${reading} ${stateTimeUs}`;
}

function readSeries(row: FluxRow): { id: SeriesId; versions: TagVersion[]; reading: SegmentReading | undefined } {
  const versions = JSON.parse(row.get('versions')!) as (Omit<TagVersion, 'fromUs'> & { fromUs: number | null })[];
  const id = { site: row.get('site')!, device: row.get('device')!, sensor: row.get('sensor')! };
  const reading = row.get('reading');
  return {
    id,
    reading: reading ? (JSON.parse(reading) as SegmentReading) : undefined,
    versions: versions.map((version) => ({ ...version, fromUs: version.fromUs ?? Number.NEGATIVE_INFINITY })),
  };
}
