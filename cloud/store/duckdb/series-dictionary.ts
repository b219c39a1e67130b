import type { Catalogue, SensorDescription } from '#core/contract/catalogue.js';
import { deviceKey, type SeriesId } from '#core/contract/names.js';
import type { Point } from '#core/contract/reading.js';
import type { SegmentReading } from '#core/signal/segment-value.js';
import type { PackToStore, SeriesFilter } from '../store.js';
import type { ColumnData } from './table-appender.js';

/** One series: its number in the tables, and what is known of its newest points. */
export interface SeriesEntry extends SeriesId {
  readonly id: number;
  quantity: string;
  unit: string;
  /** JSON. */
  labels: string;
  /** How segments are read. */
  interpolation: SensorDescription['interpolation'];
  maxGapUs: number;
  /** What stood in the file when it was opened is no newer; minus infinity for a series that was not there. */
  readonly storedUntilUs: number;
  /** The newest stamp written by this process; undefined where an older one may be in the file. */
  lastRawUs: number | undefined;
  lastWindowUs: number | undefined;
  lastSegmentUs: number | undefined;
  /** The newest segment point that came too late to be stored. */
  lastExpired: Point | undefined;
  /** The usual distance of two raw points, for guessing how far back `recent` must look. */
  intervalUs: number;
}

interface DeviceSeries {
  /** The pack whose catalogue was taken last: labels of an older one do not replace newer ones. */
  catalogue: string;
  epoch: string;
  seq: number;
  readonly sensors: Map<string, SeriesEntry>;
}

export type SeriesRow = [
  id: number,
  ...names: [string, string, string],
  quantity: string,
  unit: string,
  labels: string,
  interpolation: SensorDescription['interpolation'],
  maxGapUs: number,
];

/** Series and their numbers. Identity is the three names; quantity, unit and labels may change. */
export class SeriesDictionary {
  private readonly devices = new Map<string, DeviceSeries>();
  private readonly entries: SeriesEntry[] = [];
  /** Not yet in the file, or there with other labels. */
  private readonly changed = new Set<SeriesEntry>();
  /** The longest gap, in microseconds, across which segments of any series are read; 0 if none are. */
  longestGapUs = 0;

  /** `storedUntilUs` is the newest stamp in the file, of whatever series. */
  constructor(rows: readonly SeriesRow[], storedUntilUs: number) {
    for (const [id, site, device, sensor, quantity, unit, labels, interpolation, maxGapUs] of rows) {
      const described = { quantity, unit, labels, interpolation, maxGapUs };
      this.put({ id, site, device, sensor, ...described, storedUntilUs, ...newestAt(undefined) });
    }
  }

  /** The known sensors of the pack's device. */
  sensorsOf({ pack, catalogue }: PackToStore): ReadonlyMap<string, SeriesEntry> {
    const device = this.device(pack.site, pack.device);
    if (device.catalogue !== pack.catalogue && !(device.epoch === pack.epoch && pack.seq < device.seq)) {
      this.describe(device, catalogue);
      Object.assign(device, { catalogue: pack.catalogue, epoch: pack.epoch, seq: pack.seq });
    }
    return device.sensors;
  }

  /** A new sensor of a device. */
  add(catalogue: Catalogue, sensor: string): SeriesEntry {
    const { site, device } = catalogue;
    const described = description(catalogue, sensor) ?? undescribed;
    const id = this.entries.length;
    const storedUntilUs = Number.NEGATIVE_INFINITY;
    const entry = { id, site, device, sensor, ...described, storedUntilUs, ...newestAt(storedUntilUs) };
    this.put(entry);
    this.changed.add(entry);
    return entry;
  }

  get(id: number): SeriesEntry {
    return this.entries[id]!;
  }

  find({ site, device, sensor }: SeriesId): SeriesEntry | undefined {
    return this.devices.get(deviceKey({ site, device }))?.sensors.get(sensor);
  }

  /** The matching series in order of site, device and sensor. */
  match({ site, device, sensor }: SeriesFilter): SeriesEntry[] {
    const fits = (wanted: string | undefined, name: string) => wanted === undefined || wanted === name;
    return this.entries
      .filter((entry) => fits(site, entry.site) && fits(device, entry.device) && fits(sensor, entry.sensor))
      .sort((a, b) => compare(a.site, b.site) || compare(a.device, b.device) || compare(a.sensor, b.sensor));
  }

  /** What the next transaction must write of this table; `saved` when it is in the file. */
  unsaved(): { ids: number[]; columns: ColumnData[] } {
    const entries = [...this.changed];
    const ids = entries.map(({ id }) => id);
    const text = (name: 'site' | 'device' | 'sensor' | 'quantity' | 'unit' | 'labels' | 'interpolation') =>
      entries.map((entry) => entry[name]);
    const names = [text('site'), text('device'), text('sensor')];
    const gaps = entries.map(({ maxGapUs }) => maxGapUs);
    const texts = [...names, text('quantity'), text('unit'), text('labels'), text('interpolation')];
    return { ids, columns: [ids, ...texts, gaps] };
  }

  saved(): void {
    this.changed.clear();
  }

  private device(site: string, device: string): DeviceSeries {
    const key = deviceKey({ site, device });
    let found = this.devices.get(key);
    if (!found) this.devices.set(key, (found = { catalogue: '', epoch: '', seq: -1, sensors: new Map() }));
    return found;
  }

  private describe(device: DeviceSeries, catalogue: Catalogue): void {
    for (const entry of device.sensors.values()) {
      const described = description(catalogue, entry.sensor, entry);
      if (!described || isSame(entry, described)) continue;
      Object.assign(entry, described);
      this.noteGap(entry);
      this.changed.add(entry);
    }
  }

  private noteGap({ interpolation, maxGapUs }: Description): void {
    if (interpolation !== 'none') this.longestGapUs = Math.max(this.longestGapUs, maxGapUs);
  }

  private put(entry: SeriesEntry): void {
    this.noteGap(entry);
    this.entries[entry.id] = entry;
    this.device(entry.site, entry.device).sensors.set(entry.sensor, entry);
  }
}

type Description = Pick<SeriesEntry, 'quantity' | 'unit' | 'labels' | 'interpolation' | 'maxGapUs'>;

const undescribed: Description = { quantity: '', unit: '', labels: '{}', interpolation: 'none', maxGapUs: 600_000_000 };

/** How segments were read stays where none come any more: those that are stored are still to be read so. */
function description({ sensors }: Catalogue, sensor: string, known?: SegmentReading): Description | undefined {
  const found = sensors[sensor];
  if (!found) return undefined;
  const { quantity, unit } = found;
  const { interpolation, maxGapUs } = found.interpolation === 'none' && known ? known : found;
  return { quantity, unit, labels: JSON.stringify(found.labels), interpolation, maxGapUs };
}

function isSame(a: Description, b: Description): boolean {
  const isRead = a.interpolation === b.interpolation && a.maxGapUs === b.maxGapUs;
  return isRead && a.quantity === b.quantity && a.labels === b.labels;
}

/** Of a series of which nothing newer than `lastUs` is stored; undefined where nobody knows. */
function newestAt(lastUs: number | undefined) {
  return { lastRawUs: lastUs, lastWindowUs: lastUs, lastSegmentUs: lastUs, lastExpired: undefined, intervalUs: 0 };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
