import { deviceKey, type DeviceId } from '#core/contract/names.js';
import { SequenceRanges, type SequenceRange } from '#core/contract/sequence-ranges.js';
import type { Registration } from '#core/contract/registration.js';
import type { Fleet } from './fleet.js';
import { viewRelease, type ReleaseView } from './release-view.js';
import type { FleetDevice } from './fleet-device.js';
import { unknownSensorEpoch } from '../ingest/unknown-sensors.js';
import type { Ledger } from './ledger-cache.js';

/** A device as the API shows it. What only a birth or heartbeat tells is null before the first; what the store tells, while it is away. */
export interface DeviceView {
  readonly site: string;
  readonly device: string;
  readonly online: boolean;
  readonly session: string | null;
  readonly epoch: string | null;
  readonly version: string | null;
  /** The last pack number that is known to be given out in the epoch; -1 before the first. */
  readonly lastSeq: number | null;
  /** Packs of the epoch in the store. */
  readonly received: number | null;
  /** The first runs of numbers that are not in the store, at most 20. */
  readonly missing: readonly SequenceRange[];
  /**
   * `received / (lastSeq + 1)`, 1 before the first pack. The store is looked at every two seconds and the device heard at once,
   * so what is on its way counts as not received: `arrivalOf` tells it from what is missing.
   */
  readonly completeness: number | null;
  readonly lastSeenUs: number;
  readonly sensors: number;
  /** Packs in the device's outbox, and its bytes. */
  readonly pending: number;
  readonly bytes: number;
  /** What operators said of it; see docs/gateway/devices.md. */
  readonly state: Registration['state'];
  readonly title: string | null;
  /** The name under which its hardware speaks now, if that is another. */
  readonly speaksAs: string | null;
  /** What it is to run, and what became of that; null if nobody said anything of it. */
  readonly release: ReleaseView | null;
}

/** Packs of one outbox's life that should be in the store, and that are. */
export interface Completeness {
  /** `<site>/<device>/<epoch>` */
  readonly source: string;
  readonly received: number;
  readonly expected: number;
}

const maxMissing = 20;

export function viewDevice(device: FleetDevice, fleet: Fleet, ledger: Ledger | undefined): DeviceView {
  const outbox = device.outbox();
  const registration = fleet.registrations.get(device.id);
  const spoken = fleet.registrations.spokenOf(device.id, Infinity);
  const ranges = outbox && ledger && rangesOf(fleet.registrations.namesOf(device.id), outbox.epoch, ledger);
  // A pack may be here before the heartbeat that tells of it.
  const lastSeq = outbox ? Math.max(outbox.lastSeq, ranges?.highest ?? -1) : null;
  const counted = ledger && lastSeq !== null ? (ranges?.size ?? 0) : null;
  return {
    ...device.id,
    online: fleet.online(device),
    session: outbox?.session ?? null,
    epoch: outbox?.epoch ?? null,
    version: device.version,
    lastSeq,
    received: counted,
    missing: counted === null ? [] : missingOf(ranges, lastSeq!),
    completeness: counted === null ? null : lastSeq === -1 ? 1 : counted / (lastSeq! + 1),
    lastSeenUs: device.lastSeenUs,
    sensors: device.series.size,
    pending: outbox?.pending ?? 0,
    bytes: outbox?.bytes ?? 0,
    state: registration?.state ?? 'unknown',
    title: registration?.title ?? null,
    speaksAs: deviceKey(spoken) === deviceKey(device.id) ? null : deviceKey(spoken),
    release: viewRelease(spoken, fleet.releases),
  };
}

/** What the store has of one life of an outbox, under whichever of its names the device sent it. */
export function rangesOf(names: readonly DeviceId[], epoch: string, ledger: Ledger): SequenceRanges | undefined {
  const parts = names.map((name) => ledger.get(`${deviceKey(name)}/${epoch}`)).filter((part) => part !== undefined);
  if (parts.length < 2) return parts[0];
  const all = SequenceRanges.from();
  for (const part of parts) all.addAll(part);
  return all;
}

/**
 * For each life of the device's outbox that has left something in the store, or is the present one. `names` are those
 * under which its hardware ever spoke.
 */
export function completenessOf(
  device: FleetDevice,
  ledger: Ledger,
  names: readonly DeviceId[] = [device.id],
): Completeness[] {
  const outbox = device.outbox();
  const epochs = new Set(names.flatMap((name) => epochsOf(name, ledger)));
  // It has the numbers of the packs that held such readings, and lacks none of the others.
  const ofUnknown = new Set([...epochs].map(unknownSensorEpoch));
  const ended = [...epochs].filter((epoch) => !ofUnknown.has(epoch) && epoch !== outbox?.epoch);
  const answer = (epoch: string, lastSeq: number) =>
    completeness(`${deviceKey(device.id)}/${epoch}`, rangesOf(names, epoch, ledger), lastSeq);
  return [...ended.map((epoch) => answer(epoch, -1)), ...(outbox ? [answer(outbox.epoch, outbox.lastSeq)] : [])];
}

function epochsOf(name: DeviceId, ledger: Ledger): string[] {
  const prefix = `${deviceKey(name)}/`;
  const own = [...ledger.keys()].filter((source) => source.startsWith(prefix));
  return own.map((source) => source.slice(prefix.length));
}

/** Of an outbox that has ended nobody knows the last number but by its highest. */
function completeness(source: string, ranges: SequenceRanges | undefined, lastSeq: number): Completeness {
  return { source, received: ranges?.size ?? 0, expected: Math.max(lastSeq, ranges?.highest ?? -1) + 1 };
}

function missingOf(ranges: SequenceRanges | undefined, lastSeq: number): SequenceRange[] {
  if (lastSeq < 0) return [];
  return ranges ? ranges.missing(0, lastSeq).slice(0, maxMissing) : [[0, lastSeq]];
}
