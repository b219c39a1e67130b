import { deviceKey } from '#core/contract/names.js';
import type { SequenceRange, SequenceRanges } from '#core/contract/sequence-ranges.js';
import type { Fleet } from './fleet.js';
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
  /** `received / (lastSeq + 1)`, 1 before the first pack. */
  readonly completeness: number | null;
  readonly lastSeenUs: number;
  readonly sensors: number;
  /** Packs in the device's outbox, and its bytes. */
  readonly pending: number;
  readonly bytes: number;
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
  const ranges = outbox && ledger?.get(`${deviceKey(device.id)}/${outbox.epoch}`);
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
  };
}

/** For each life of the device's outbox that has left something in the store, or is the present one. */
export function completenessOf(device: FleetDevice, ledger: Ledger): Completeness[] {
  const prefix = `${deviceKey(device.id)}/`;
  const outbox = device.outbox();
  const current = outbox && `${prefix}${outbox.epoch}`;
  const epochs = [...ledger.keys()]
    .filter((source) => source.startsWith(prefix))
    .map((source) => source.slice(prefix.length));
  // It has the numbers of the packs that held such readings, and lacks none of the others.
  const ofUnknown = new Set(epochs.map(unknownSensorEpoch));
  const sources = epochs
    .filter((epoch) => !ofUnknown.has(epoch))
    .map((epoch) => prefix + epoch)
    .filter((source) => source !== current);
  const answers = sources.map((source) => completeness(source, ledger.get(source), -1));
  if (outbox && current) answers.push(completeness(current, ledger.get(current), outbox.lastSeq));
  return answers;
}

/** Of an outbox that has ended nobody knows the last number but by its highest. */
function completeness(source: string, ranges: SequenceRanges | undefined, lastSeq: number): Completeness {
  return { source, received: ranges?.size ?? 0, expected: Math.max(lastSeq, ranges?.highest ?? -1) + 1 };
}

function missingOf(ranges: SequenceRanges | undefined, lastSeq: number): SequenceRange[] {
  if (lastSeq < 0) return [];
  return ranges ? ranges.missing(0, lastSeq).slice(0, maxMissing) : [[0, lastSeq]];
}
