import { decodeAlertPack, resolveAlertPack } from '#core/contract/alert.js';
import { ContractError } from '#core/contract/contract-error.js';
import { deviceKey, isName, type DeviceId } from '#core/contract/names.js';
import { decodePack, type DecodedPack } from '#core/contract/pack.js';
import type { StoredRecord } from '#core/log/log.js';
import { deviceAlerts } from '../alerts/alert-feed.js';
import type { AlertsToStore, PackToStore } from '../store/store.js';
import { catalogueKey, type CatalogueBook, type KnownCatalogue } from './catalogue-book.js';
import { inTrueTime, type ClockBook } from './clock-book.js';
import { isUnsynced, screenPack, type RefusalReason } from './screen.js';
import type { UnknownSensorMode, UnknownSensors } from './unknown-sensors.js';

/** Points of a pack that are not stored, for one reason: set aside, unless they are `dropped`. */
export interface Refusal {
  readonly reason: RefusalReason;
  readonly dropped?: true;
  readonly detail: string;
  readonly readings: number;
}

/** What is to be done with a record. `readings` are all that its pack brought; 1 if they cannot be read, as at the gateway. */
export type Sorted =
  | { fate: 'set-aside'; readings: number; reason: string; detail: string }
  | { fate: 'park'; readings: number; wait: string; device: string }
  | { fate: 'alerts'; readings: 0; alerts: AlertsToStore }
  | {
      fate: 'store';
      readings: number;
      pack: PackToStore;
      /** Its readings of sensors that no catalogue describes, where they are accepted; `readings` counts them, too. */
      unknown?: PackToStore;
      refusals: readonly Refusal[];
      oldestUs: number;
      newestUs: number;
    };

/** What packs of a device wait for until `hash` is announced. */
export function catalogueWait(device: DeviceId, hash: string): string {
  return `catalogue/${catalogueKey(device, hash)}`;
}

/** What packs of a device wait for until its clock is known: that of one boot, or of none that could ever be told. */
export function clockWait(device: DeviceId, boot?: string): string {
  return `clock/${deviceKey(device)}${boot === undefined ? '' : `/${boot}`}`;
}

/** Whether what waits for this waits for a clock. */
export function isClockWait(wait: string): boolean {
  return wait.startsWith('clock/');
}

/** Decides about a record of `sensor-readings` from its bytes and what devices have announced alone. */
export function sortReadings(
  record: StoredRecord,
  book: CatalogueBook,
  clocks: ClockBook,
  unknown: UnknownSensors,
): Sorted {
  try {
    const received = decodePack(record.value, keyDevice(record.key));
    const device = deviceKey(received);
    const readings = received.points.length;
    const pack = inTrueTime(received, clocks);
    if (!pack) return { fate: 'park', readings, wait: clockWait(received, received.boot), device };
    if (isUnsynced(pack)) return { fate: 'park', readings, wait: clockWait(pack), device };
    const known = book.get(pack, pack.catalogue);
    if (!known) return { fate: 'park', readings, wait: catalogueWait(pack, pack.catalogue), device };
    return placed(pack, known, unknown);
  } catch (error) {
    return refused(error, 1);
  }
}

/** The same for a record of `alerts`; an alert needs no catalogue. */
export function sortAlerts(record: StoredRecord, clocks: ClockBook): Sorted {
  try {
    const received = decodeAlertPack(record.value, keyDevice(record.key));
    const { bboot } = received;
    const offsetUs = bboot === undefined ? 0 : clocks.offsetUs(received, bboot);
    if (offsetUs === undefined) {
      return { fate: 'park', readings: 0, wait: clockWait(received, bboot), device: deviceKey(received) };
    }
    const pack = resolveAlertPack(received, offsetUs);
    const { site, device, epoch, seq } = pack;
    return { fate: 'alerts', readings: 0, alerts: { site, device, epoch, seq, alerts: deviceAlerts(pack) } };
  } catch (error) {
    return refused(error, 0);
  }
}

function placed(pack: DecodedPack, known: KnownCatalogue, unknown: UnknownSensors): Sorted {
  const { points, refused: sensors, oldestUs, newestUs } = screenPack(pack, known);
  // Without its refused points the pack's number is still stored: it has arrived.
  const kept = points === pack.points ? pack : { ...pack, points };
  const stored = {
    fate: 'store' as const,
    readings: pack.points.length,
    pack: { pack: kept, catalogue: known.catalogue },
    oldestUs,
    newestUs,
  };
  if (sensors.size === 0) return { ...stored, refusals: [] };
  const { part, refused: rest } = acceptUnknown(pack, sensors, known, unknown);
  return { ...stored, ...(part && { unknown: part }), refusals: refusalsOf(pack, known, rest, unknown.mode) };
}

/** The part that is accepted after all, and the sensors that still are not. */
function acceptUnknown(
  pack: DecodedPack,
  sensors: ReadonlyMap<string, RefusalReason>,
  known: KnownCatalogue,
  unknown: UnknownSensors,
): { part: PackToStore | undefined; refused: ReadonlyMap<string, RefusalReason> } {
  if (unknown.mode !== 'accept') return { part: undefined, refused: sensors };
  const points = pack.points.filter(({ sensor }) => sensors.get(sensor) === 'unknown-sensor');
  const { part, refused } = unknown.accept(pack, points, known);
  const others = [...sensors].filter(([, reason]) => reason !== 'unknown-sensor');
  return { part, refused: new Map([...others, ...refused]) };
}

function refusalsOf(
  pack: DecodedPack,
  known: KnownCatalogue,
  sensors: ReadonlyMap<string, RefusalReason>,
  mode: UnknownSensorMode,
): Refusal[] {
  const refusals: Refusal[] = [];
  for (const reason of ['unknown-sensor', 'unit-mismatch'] as const) {
    const names = [...sensors].filter(([, why]) => why === reason).map(([sensor]) => sensor);
    const readings = pack.points.filter(({ sensor }) => sensors.get(sensor) === reason).length;
    if (readings === 0) continue;
    const detail =
      reason === 'unknown-sensor'
        ? `catalogue ${known.hash} has no ${names.join(', ')}`
        : names
            .map(
              (name) =>
                `${name} says ${pack.units.get(name) ?? 'no unit'}, its catalogue ${known.units.get(name) ?? 'another'}`,
            )
            .join('; ');
    const dropped = reason === 'unknown-sensor' && mode === 'reject';
    refusals.push({ reason, detail, readings, ...(dropped && { dropped }) });
  }
  return refusals;
}

function refused(error: unknown, readings: number): Sorted {
  if (!(error instanceof ContractError)) throw error;
  return { fate: 'set-aside', readings, reason: error.code, detail: error.message };
}

function keyDevice(key: string): DeviceId {
  const [site, device, ...rest] = key.split('/');
  if (isName(site) && isName(device) && rest.length === 0) return { site, device };
  throw new ContractError('schema', `the key ${JSON.stringify(key.slice(0, 140))} is not <site>/<device>`);
}
