import type { Catalogue } from '#core/contract/catalogue.js';
import { deviceKey, type SeriesId } from '#core/contract/names.js';
import type { PackToStore, SeriesFilter } from '../store.js';
import type { ColumnData } from './table-appender.js';

/** One series: its number in the tables, and what is known of its newest points. */
export interface SeriesEntry extends SeriesId {
  readonly id: number;
  quantity: string;
  unit: string;
  /** JSON. */
  labels: string;
  /** The newest stamp written by this process; undefined where an older one may be in the file. */
  lastRawUs: number | undefined;
  lastWindowUs: number | undefined;
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
];

/** Series and their numbers. Identity is the three names; quantity, unit and labels may change. */
export class SeriesDictionary {
  private readonly devices = new Map<string, DeviceSeries>();
  private readonly entries: SeriesEntry[] = [];
  /** Not yet in the file, or there with other labels. */
  private readonly changed = new Set<SeriesEntry>();

  constructor(rows: readonly SeriesRow[]) {
    for (const [id, site, device, sensor, quantity, unit, labels] of rows) {
      const described = { quantity, unit, labels };
      this.put({
        id,
        site,
        device,
        sensor,
        ...described,
        lastRawUs: undefined,
        lastWindowUs: undefined,
        intervalUs: 0,
      });
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
    const described = description(catalogue, sensor) ?? { quantity: '', unit: '', labels: '{}' };
    const never = Number.NEGATIVE_INFINITY;
    const id = this.entries.length;
    const entry = { id, site, device, sensor, ...described, lastRawUs: never, lastWindowUs: never, intervalUs: 0 };
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
    const text = (name: 'site' | 'device' | 'sensor' | 'quantity' | 'unit' | 'labels') =>
      entries.map((entry) => entry[name]);
    const names = [text('site'), text('device'), text('sensor')];
    return { ids, columns: [ids, ...names, text('quantity'), text('unit'), text('labels')] };
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
      const described = description(catalogue, entry.sensor);
      if (!described || (entry.quantity === described.quantity && entry.labels === described.labels)) continue;
      Object.assign(entry, described);
      this.changed.add(entry);
    }
  }

  private put(entry: SeriesEntry): void {
    this.entries[entry.id] = entry;
    this.device(entry.site, entry.device).sensors.set(entry.sensor, entry);
  }
}

function description(
  catalogue: Catalogue,
  sensor: string,
): Pick<SeriesEntry, 'quantity' | 'unit' | 'labels'> | undefined {
  const found = catalogue.sensors[sensor];
  return found && { quantity: found.quantity, unit: found.unit, labels: JSON.stringify(found.labels) };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
