import { numericValue, windowSum, type Point } from '#core/contract/reading.js';
import { minuteUs } from '#core/contract/time.js';
import type { PackToStore } from '../store.js';
import { escapeText, floatText, stringText } from './fields.js';
import { dayOf } from './resting-shards.js';
import type { Seal } from './seal.js';
import type { Series, SeriesRegistry } from './series-registry.js';
import { enteringForms, entryOf, rollupTiers, type Entry } from './tiers.js';

/** A point that is too old for the raw points. */
export interface ExpiredPoint {
  readonly series: Series;
  readonly point: Point;
  readonly epoch: string;
  readonly seq: number;
}

/** A bucket that a stored point touched. Where `surely`, the tasks do not compute it, however early the point is. */
export interface Touched {
  readonly series: Series;
  readonly entry: Entry;
  readonly bucketUs: number;
  readonly surely: boolean;
}

export interface PointLines {
  /** Request bodies of line protocol, in order. */
  readonly bodies: readonly string[];
  /** The UTC days of their stamps. */
  readonly days: ReadonlySet<number>;
  readonly stored: number;
  readonly expired: readonly ExpiredPoint[];
  readonly touched: readonly Touched[];
  /** The stamps of the stored segment points. */
  readonly segments: ReadonlyMap<Series, readonly number[]>;
}

/** A body of about this many characters is sent on its own: large enough to be efficient, small enough to be retried. */
const maxBodyLength = 2_000_000;

/** Writes packs in line protocol. The registry must know their series. */
export function pointLines(packs: readonly PackToStore[], registry: SeriesRegistry, seal: Seal): PointLines {
  const bodies: string[] = [];
  const expired: ExpiredPoint[] = [];
  const days = new Set<number>();
  const touched = new TouchedBuckets();
  let body = '';
  let stored = 0;
  for (const { pack } of packs) {
    const device = registry.device(pack);
    let series: Series | undefined;
    for (const point of pack.points) {
      if (series?.sensor !== point.sensor) series = device.get(point.sensor)!;
      if (seal.isExpired(point.timeUs, point.window?.spanUs)) {
        expired.push({ series, point, epoch: pack.epoch, seq: pack.seq });
        continue;
      }
      body += `${pointLine(series, point)}\n`;
      stored += 1;
      days.add(dayOf(point.timeUs));
      touched.note(series, point);
      if (body.length < maxBodyLength) continue;
      bodies.push(body);
      body = '';
    }
  }
  if (body !== '') bodies.push(body);
  return { bodies, days, stored, expired, touched: touched.list, segments: touched.segments };
}

/** One point in line protocol, without a line end. */
export function pointLine(series: Series, point: Point): string {
  const { timeUs, form } = point;
  return `${series.prefix(form, timeUs)}${valueFields(point)},quality="${point.quality}" ${timeUs}`;
}

function valueFields(point: Point): string {
  const { value, window } = point;
  if (typeof value === 'string') return `text=${stringText(escapeText(value))}`;
  const number = numericValue(value)!;
  if (!window) return `value=${floatText(number)}`;
  const { count, spanUs, p95 } = window;
  const [sum, min, max] = [windowSum(number, window), window.min, window.max].map(clamped);
  const parts = `sum=${sum},min=${min},max=${max},first=${floatText(window.first)},last=${floatText(window.last)}`;
  const percentile = p95 === undefined ? '' : `,p95=${floatText(p95)}`;
  return `value=${floatText(number)},${parts},count=${count}i,spanUs=${spanUs}i${percentile}`;
}

/** InfluxDB stores no infinity, which the sum of huge readings may reach. */
function clamped(value: number): string {
  return floatText(Math.min(Number.MAX_VALUE, Math.max(-Number.MAX_VALUE, value)));
}

/** Notes each (series, minute) once while the readings of a series come in order. */
class TouchedBuckets {
  readonly list: Touched[] = [];
  readonly segments = new Map<Series, number[]>();
  private readonly minutes = new Map<Series, number>();

  note(series: Series, point: Point): void {
    const entry = entryOf(point);
    if (!entry) {
      if (point.form === 'segment') this.noteSegment(series, point.timeUs);
      return;
    }
    const minute = Math.floor(point.timeUs / minuteUs);
    if (entry.tier.index > 0) {
      this.noteWide(series, entry, point.timeUs);
      return;
    }
    if (this.minutes.get(series) === minute) return;
    this.minutes.set(series, minute);
    this.list.push({ series, entry, bucketUs: minute * minuteUs, surely: false });
  }

  private noteSegment(series: Series, timeUs: number): void {
    const times = this.segments.get(series);
    if (times) times.push(timeUs);
    else this.segments.set(series, [timeUs]);
  }

  private noteWide(series: Series, entry: Entry, timeUs: number): void {
    const bucketOf = (widthUs: number) => Math.floor(timeUs / widthUs) * widthUs;
    this.list.push({ series, entry, bucketUs: bucketOf(entry.tier.widthUs), surely: true });
    // The task of the first tier sees only sums, so it leaves out a minute in which a wider window begins.
    const minute = { tier: rollupTiers[0], form: enteringForms[0] };
    this.list.push({ series, entry: minute, bucketUs: bucketOf(minuteUs), surely: true });
  }
}
