import type { DecodedPack } from '#core/contract/pack.js';
import type { Point } from '#core/contract/reading.js';
import type { KnownCatalogue } from './catalogue-book.js';

export type RefusalReason = 'unknown-sensor' | 'unit-mismatch';

/** What of a pack may be stored, by its catalogue. */
export interface Screened {
  /** The pack's own array when nothing was refused. */
  readonly points: readonly Point[];
  /** Sensor to the reason why its points are set aside. */
  readonly refused: ReadonlyMap<string, RefusalReason>;
  /** Of all points; infinities when there are none. */
  readonly oldestUs: number;
  readonly newestUs: number;
}

/** Sets aside the points of sensors that the catalogue does not know, or whose unit disagrees with it. */
export function screenPack(pack: DecodedPack, known: KnownCatalogue): Screened {
  const refused = refusedSensors(pack, known);
  let oldestUs = Infinity;
  let newestUs = -Infinity;
  let sensor: string | undefined;
  for (const point of pack.points) {
    if (point.timeUs < oldestUs) oldestUs = point.timeUs;
    if (point.timeUs > newestUs) newestUs = point.timeUs;
    if (point.sensor === sensor) continue;
    sensor = point.sensor;
    if (!known.units.has(sensor)) refused.set(sensor, 'unknown-sensor');
  }
  const points = refused.size === 0 ? pack.points : pack.points.filter((point) => !refused.has(point.sensor));
  return { points, refused, oldestUs, newestUs };
}

function refusedSensors(pack: DecodedPack, known: KnownCatalogue): Map<string, RefusalReason> {
  const refused = new Map<string, RefusalReason>();
  for (const [sensor, unit] of pack.units) {
    const right = known.units.get(sensor);
    if (right !== undefined && right !== unit) refused.set(sensor, 'unit-mismatch');
  }
  return refused;
}

/** Whether a stamp of the pack was made before the device knew the time: such a pack waits for its clock as a whole. */
export function isUnsynced(pack: DecodedPack): boolean {
  return pack.boot !== undefined || pack.points.some(({ quality }) => quality === 'clock-unsynced');
}
