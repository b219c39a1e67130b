import { catalogueHash, type Catalogue } from '#core/contract/catalogue.js';
import type { SeriesId } from '#core/contract/names.js';
import type { Pack } from '#core/contract/pack.js';
import type { Point } from '#core/contract/reading.js';
import { bucketStart, dayUs } from '#core/contract/time.js';
import { systemClock } from '#core/runtime/clock.js';
import { expect } from 'vitest';
import type {
  PackToStore,
  Retention,
  RollupTier,
  SeriesFilter,
  SeriesStore,
  StoredPoint,
  StoredRollup,
  TimeRange,
  WriteOutcome,
} from '../../../cloud/store/store.js';
import { testCatalogue } from '../../support/packs.js';

/** A started store and the ways to end it. */
export interface StoreUnderTest {
  /** The store now running; another object after `reopen`. */
  readonly store: SeriesStore;
  /** Ends the store as `kill -9` would, without `stop`, and starts another on the same data. */
  reopen(): Promise<SeriesStore>;
  /** Stops the store and removes its data. */
  close(): Promise<void>;
}

/** Each call opens an empty store. */
export type StoreOpener = (options: { readonly retention: Retention }) => Promise<StoreUnderTest>;

/** A century of everything, so that no stamp of the shared cases is too old. */
export const generousRetention: Retention = { rawDays: 36_500, '1mDays': 36_500, '1hDays': 36_500 };

export const always: TimeRange = { fromUs: -(2 ** 50), toUs: Number.MAX_SAFE_INTEGER };

/** The start of a UTC day that ended at least a day ago. */
export const pastDayUs = bucketStart(systemClock.nowUs(), dayUs) - 2 * dayUs;

let devices = 0;

/** A device of a site of its own; it numbers its packs. */
export class TestDevice {
  private nextSeq = 0;
  readonly catalogue: Catalogue;

  constructor(sensors: string[] | Catalogue['sensors'] = ['temp'], twin?: TestDevice) {
    const number = (devices += 1);
    const site = twin?.catalogue.site ?? `site-${number}`;
    this.catalogue = testCatalogue(sensors, site, twin?.catalogue.device ?? `device-${number}`);
    this.epoch = number.toString(16).padStart(32, '0');
  }

  readonly epoch: string;

  get filter(): { site: string } {
    return { site: this.catalogue.site };
  }

  /** The ledger's name for this device's packs. */
  get source(): string {
    return `${this.catalogue.site}/${this.catalogue.device}/${this.epoch}`;
  }

  series(sensor = 'temp'): SeriesId {
    return { site: this.catalogue.site, device: this.catalogue.device, sensor };
  }

  /** The next pack, or with `over.seq` any. */
  pack(points: readonly Point[], over: Partial<Pack> = {}): PackToStore {
    const seq = over.seq ?? this.nextSeq;
    this.nextSeq = Math.max(this.nextSeq, seq + 1);
    const { site, device } = this.catalogue;
    const pack = { site, device, epoch: this.epoch, seq, catalogue: catalogueHash(this.catalogue), points, ...over };
    return { pack, catalogue: this.catalogue };
  }
}

export async function write(store: SeriesStore, ...packs: PackToStore[]): Promise<WriteOutcome> {
  return store.write({ packs, alerts: [] });
}

/** Repairs until nothing is left that may be repaired. Fails if it does not come to an end. */
export async function repairAll(store: SeriesStore, closedBeforeUs = systemClock.nowUs()): Promise<void> {
  for (let round = 0; round < 500; round += 1) {
    const { repaired } = await store.repairRollups(closedBeforeUs);
    if (Object.values(repaired).every((count) => count === 0)) return;
  }
  expect.fail('repairRollups finds something to repair again and again');
}

export async function allPoints(
  store: SeriesStore,
  filter: SeriesFilter,
  range: TimeRange = always,
): Promise<StoredPoint[]> {
  const points: StoredPoint[] = [];
  for await (const page of store.points(filter, range)) points.push(...page);
  return points;
}

export async function allRollups(
  store: SeriesStore,
  tier: RollupTier,
  filter: SeriesFilter,
  range: TimeRange = always,
): Promise<StoredRollup[]> {
  const rollups: StoredRollup[] = [];
  for await (const page of store.rollups(tier, filter, range)) rollups.push(...page);
  return rollups;
}
