import { createHash } from 'node:crypto';
import type { Catalogue, SensorDescription } from '#core/contract/catalogue.js';
import type { DecodedPack } from '#core/contract/pack.js';
import type { Point } from '#core/contract/reading.js';
import { isUnit, type Unit } from '#core/contract/units.js';
import type { PackToStore } from '../store/store.js';
import type { KnownCatalogue } from './catalogue-book.js';

/**
 * What becomes of readings whose sensor the catalogue does not have: stored as a quantity `unknown`; set aside with their
 * pack as a dead letter; or dropped and counted.
 */
export const unknownSensorModes = ['accept', 'quarantine', 'reject'] as const;
export type UnknownSensorMode = (typeof unknownSensorModes)[number];

/** A device that invents names would fill the store with series. */
const maxAccepted = 1000;
/** SenML's unit of a plain number: what a record means that names none. */
const plainUnit = '/';

/** The accepted part of a pack, and why the other sensors were not accepted. */
export interface Accepted {
  readonly part: PackToStore | undefined;
  readonly refused: ReadonlyMap<string, 'unknown-sensor' | 'unit-mismatch'>;
}

/**
 * The epoch under which a device's readings of unknown sensors are stored, with the numbers of their packs. It is not the
 * pack's own: that number stands for the rest of the pack, which may have been stored while these readings were set aside,
 * and a replay must bring them in once, whatever was accepted when.
 */
export function unknownSensorEpoch(epoch: string): string {
  return createHash('sha256').update(`unknown-sensor ${epoch}`).digest('hex').slice(0, 32);
}

/** Describes what no catalogue describes, for the life of this object the same way. */
export class UnknownSensors {
  /** A catalogue with what was accepted beside it. */
  private readonly extended = new WeakMap<KnownCatalogue, { catalogue: Catalogue; accepted: number }>();

  constructor(readonly mode: UnknownSensorMode) {}

  /** Takes points of sensors that the catalogue does not have. */
  accept(pack: DecodedPack, points: readonly Point[], known: KnownCatalogue): Accepted {
    const refused = new Map<string, 'unknown-sensor' | 'unit-mismatch'>();
    for (const sensor of new Set(points.map((point) => point.sensor))) {
      const fault = this.take(known, sensor, pack.units.get(sensor));
      if (fault) refused.set(sensor, fault);
    }
    const kept = refused.size === 0 ? points : points.filter(({ sensor }) => !refused.has(sensor));
    if (kept.length === 0) return { part: undefined, refused };
    const { site, device, seq, catalogue } = pack;
    const epoch = unknownSensorEpoch(pack.epoch);
    const part = { site, device, epoch, seq, catalogue, points: kept };
    return { part: { pack: part, catalogue: this.of(known).catalogue }, refused };
  }

  private take(
    known: KnownCatalogue,
    sensor: string,
    unit: string = plainUnit,
  ): 'unknown-sensor' | 'unit-mismatch' | undefined {
    const extended = this.of(known);
    const { catalogue } = extended;
    const before = Object.hasOwn(catalogue.sensors, sensor) ? catalogue.sensors[sensor] : undefined;
    if (before) return before.unit === unit ? undefined : 'unit-mismatch';
    if (!isUnit(unit)) return 'unit-mismatch';
    if (extended.accepted >= maxAccepted) return 'unknown-sensor';
    extended.accepted += 1;
    extended.catalogue = { ...catalogue, sensors: { ...catalogue.sensors, [sensor]: unknownOf(unit) } };
    return undefined;
  }

  private of(known: KnownCatalogue) {
    let extended = this.extended.get(known);
    if (!extended) this.extended.set(known, (extended = { catalogue: known.catalogue, accepted: 0 }));
    return extended;
  }
}

function unknownOf(unit: Unit): SensorDescription {
  return { quantity: 'unknown', unit, labels: {}, interpolation: 'none', maxGapUs: 600_000_000 };
}
