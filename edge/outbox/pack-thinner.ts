import { decodeAlertPack, encodeAlertPack } from '#core/contract/alert.js';
import { decodePack, encodePack, encodePackJson, type DecodedPack, type TransferCoding } from '#core/contract/pack.js';
import { ContractError } from '#core/contract/contract-error.js';
import type { DeviceId } from '#core/contract/names.js';
import { maxPackRecords } from '#core/contract/senml.js';
import type { SequenceRange } from '#core/contract/sequence-ranges.js';
import { minuteUs } from '#core/contract/time.js';
import { deflatePayload, maxPayloadBytes } from '#core/contract/transfer-coding.js';
import type { Entry, Thinner } from './outbox.js';
import { thinPoints } from './thin-points.js';

export interface PackThinnerOptions {
  readonly device: DeviceId;
  /** The hash of the catalogue in force: a tombstone has no readings, but every pack names a catalogue. */
  readonly catalogueHash: () => string;
  /** Width of the windows that readings are merged into: divides a minute, or whole minutes that divide an hour. */
  readonly windowUs?: number;
  readonly coding?: TransferCoding;
  /**
   * A pack with its true times, undefined as long as they are not known: then it cannot be thinned, for windows are
   * aligned with UTC. Default: never known.
   */
  readonly resolve?: (pack: DecodedPack) => DecodedPack | undefined;
}

/** Thins SenML packs: the readings of several become windows of one. */
export class PackThinner implements Thinner {
  readonly #windowUs: number;
  readonly #coding: TransferCoding;

  constructor(private readonly options: PackThinnerOptions) {
    this.#windowUs = options.windowUs ?? minuteUs;
    this.#coding = options.coding ?? 'zlib';
  }

  /** Undefined for packs of several catalogues, for what is no pack of ours, and where there is nothing to merge. */
  thin(entries: readonly Entry[], replaces: readonly SequenceRange[], seq: number, epoch: string) {
    const packs = decodeAll(entries, this.options.resolve);
    if (!packs) return undefined;
    const points = packs.flatMap((pack) => pack.points);
    const thinned = thinPoints(points, this.#windowUs);
    if (thinned.length >= points.length || thinned.length > maxPackRecords) return undefined;
    const units = new Map(packs.flatMap((pack) => [...pack.units]));
    const { site, device, catalogue } = packs[0]!;
    const json = Buffer.from(encodePackJson({ site, device, epoch, seq, catalogue, points: thinned, replaces }, units));
    // The limit of a payload holds before it is deflated, too.
    if (json.byteLength > maxPayloadBytes) return undefined;
    return { payload: this.#coding === 'zlib' ? deflatePayload(json) : json, readings: thinned.length };
  }

  tombstone(
    reason: string,
    readings: number,
    replaces: readonly SequenceRange[],
    seq: number,
    epoch: string,
  ): Uint8Array {
    const { device, catalogueHash } = this.options;
    const dropped = { reason, count: readings };
    return encodePack(
      { ...device, epoch, seq, catalogue: catalogueHash(), points: [], replaces, dropped },
      new Map(),
      'identity',
    );
  }

  /** Throws ContractError for what is no pack of ours. */
  renumber({ lane, payload }: Entry, seq: number, epoch: string): Uint8Array {
    if (lane === 'alert') return encodeAlertPack({ ...decodeAlertPack(payload), seq, epoch });
    const pack = decodePack(payload);
    return encodePack({ ...pack, seq, epoch, replaces: undefined }, pack.units, this.#coding);
  }
}

function decodeAll(entries: readonly Entry[], resolve: PackThinnerOptions['resolve']): DecodedPack[] | undefined {
  const packs: DecodedPack[] = [];
  for (const { lane, payload } of entries) {
    const decoded = lane === 'data' ? decode(payload) : undefined;
    const pack = decoded?.boot === undefined ? decoded : resolve?.(decoded);
    if (!pack || pack.dropped || pack.catalogue !== (packs[0] ?? pack).catalogue) return undefined;
    packs.push(pack);
  }
  return packs;
}

function decode(payload: Uint8Array): DecodedPack | undefined {
  try {
    return decodePack(payload);
  } catch (error) {
    if (error instanceof ContractError) return undefined;
    throw error;
  }
}
