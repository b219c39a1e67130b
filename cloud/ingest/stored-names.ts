import { catalogueHash, type Catalogue } from '#core/contract/catalogue.js';
import type { Pack } from '#core/contract/pack.js';
import { storedCatalogue, storedSensors, type StoredName } from '#core/contract/registration.js';
import type { RegistrationBook } from '#core/contract/registration-book.js';
import type { StoredRecord } from '#core/log/log.js';
import type { AlertsToStore, PackToStore } from '../store/store.js';

/** A catalogue as it is stored under a name. */
export interface RenamedCatalogue {
  readonly catalogue: Catalogue;
  readonly hash: string;
  /** Spoken to stored sensor, of those that change their name. */
  readonly renamed: ReadonlyMap<string, string>;
}

/** When and under which name the log took something. */
type Spoken = Pick<StoredRecord, 'key' | 'appendedUs'>;

/**
 * Gives what hardware says under another name to the device that it is part of. The numbers of its packs stay those of the
 * name that it spoke: a pack that comes again after a change of names is known.
 */
export class StoredNames {
  private readonly catalogues = new WeakMap<StoredName, WeakMap<Catalogue, RenamedCatalogue>>();

  constructor(readonly book: RegistrationBook) {}

  pack(packed: PackToStore, spoken: Spoken): PackToStore {
    const name = this.book.storedAs(spoken.key, spoken.appendedUs);
    if (!name) return packed;
    const { catalogue, hash, renamed } = this.catalogue(packed.catalogue, name);
    const pack = { ...inName(packed.pack, name, renamed), catalogue: hash };
    return { pack, catalogue, source: `${spoken.key}/${packed.pack.epoch}` };
  }

  alerts(alerts: AlertsToStore, spoken: Spoken): AlertsToStore {
    const name = this.book.storedAs(spoken.key, spoken.appendedUs);
    if (!name) return alerts;
    const { site, device, sensors } = name;
    const own = alerts.alerts.map((alert) => ({
      ...alert,
      site,
      device,
      sensor: ownValue(sensors, alert.sensor) ?? alert.sensor,
    }));
    return { ...alerts, site, device, alerts: own, source: `${spoken.key}/${alerts.epoch}` };
  }

  /** The catalogue under the name; the same object for the same two. */
  catalogue(catalogue: Catalogue, name: StoredName): RenamedCatalogue {
    let known = this.catalogues.get(name);
    if (!known) this.catalogues.set(name, (known = new WeakMap()));
    let renamed = known.get(catalogue);
    if (!renamed) {
      const stored = storedCatalogue(catalogue, name);
      renamed = { catalogue: stored, hash: catalogueHash(stored), renamed: storedSensors(catalogue, name) };
      known.set(catalogue, renamed);
    }
    return renamed;
  }
}

function inName<P extends Pack>(pack: P, { site, device }: StoredName, renamed: ReadonlyMap<string, string>): P {
  if (renamed.size === 0) return { ...pack, site, device };
  const points = pack.points.map((point) => {
    const sensor = renamed.get(point.sensor);
    return sensor === undefined ? point : { ...point, sensor };
  });
  return { ...pack, site, device, points };
}

function ownValue(names: Readonly<Record<string, string>>, name: string): string | undefined {
  return Object.hasOwn(names, name) ? names[name] : undefined;
}
