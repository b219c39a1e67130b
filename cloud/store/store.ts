import type { DeviceAlert } from '#core/contract/alert.js';
import type { Catalogue } from '#core/contract/catalogue.js';
import type { SeriesId } from '#core/contract/names.js';
import type { Pack } from '#core/contract/pack.js';
import type { Form, Quality, RollupParts } from '#core/contract/reading.js';
import type { SequenceRanges } from '#core/contract/sequence-ranges.js';
import type { Part } from '#core/runtime/lifecycle.js';

/** A pack with the catalogue that its hash names: everything a store needs to place its points. */
export interface PackToStore {
  readonly pack: Pack;
  readonly catalogue: Catalogue;
  /** Set where the device spoke under another name: its numbers are kept under that one. */
  readonly source?: LedgerSource;
}

/** Alerts take numbers of the same sequence, so their arrival is kept in the same ledger. */
export interface AlertsToStore {
  readonly site: string;
  readonly device: string;
  readonly epoch: string;
  readonly seq: number;
  readonly alerts: readonly DeviceAlert[];
  /** As of a pack. */
  readonly source?: LedgerSource;
}

export interface StoreBatch {
  readonly packs: readonly PackToStore[];
  readonly alerts: readonly AlertsToStore[];
}

/** In readings. Their sum is the number of readings in the batch. */
export interface WriteOutcome {
  readonly stored: number;
  /** Of packs whose number the ledger already had: a resend or a replay. */
  readonly duplicate: number;
  /** Older than the raw retention: added to the rollups, not to the raw points. */
  readonly expired: number;
}

/** The ledger's name for one outbox's life: `<site>/<device>/<epoch>`. */
export type LedgerSource = string;

export interface TimeRange {
  /** Inclusive. */
  readonly fromUs: number;
  /** Exclusive. */
  readonly toUs: number;
}

export const tiers = ['raw', '1m', '1h', '1d'] as const;
export type Tier = (typeof tiers)[number];
export type RollupTier = Exclude<Tier, 'raw'>;

export interface StoredPoint extends SeriesId {
  readonly form: Form;
  readonly timeUs: number;
  /** Number (booleans are 0 and 1), or undefined when `text` is set. For a window the mean. */
  readonly value: number | undefined;
  readonly text: string | undefined;
  readonly quality: Quality;
  readonly count: number | undefined;
  readonly min: number | undefined;
  readonly max: number | undefined;
  readonly first: number | undefined;
  readonly last: number | undefined;
  readonly spanUs: number | undefined;
  /** Of a window that was sent with it. */
  readonly p95: number | undefined;
}

/**
 * A bucket of a tier. Where the series has segments, read as its catalogue says (`core/signal/segment-rollup.ts`), `weight`
 * is microseconds, and a bucket between two points has a rollup with a `count` of 0.
 */
export interface StoredRollup extends SeriesId, RollupParts {
  /** The bucket's start. */
  readonly timeUs: number;
}

/** Which series: every given field must match. */
export interface SeriesFilter {
  readonly site?: string;
  readonly device?: string;
  readonly sensor?: string;
}

export interface AlertFilter extends SeriesFilter, Partial<TimeRange> {
  /** At most this many, the newest first. */
  readonly limit: number;
}

export interface RepairOutcome {
  /** Buckets recomputed, by tier. */
  readonly repaired: Readonly<Record<RollupTier, number>>;
  /** Dirty buckets left, because they are still open or the limit was reached. */
  readonly remaining: number;
}

/**
 * Where readings are served from. Identity of a point: (site, device, sensor, form, timeUs).
 *
 * `write` may be called by one caller at a time; reads may come at any time from anywhere.
 * Every method throws RetryableError `unavailable` while the database is away.
 */
export interface SeriesStore extends Part {
  /**
   * Stores a batch once, however often it is called: a pack whose number is in the ledger is counted as duplicate and
   * changes nothing. Points, ledger and dirty marks become durable together, or in an order in which a crash between
   * them is healed by writing the same batch again. After it resolved, reads see the batch.
   */
  write(batch: StoreBatch): Promise<WriteOutcome>;

  /** Which pack numbers have been stored, by outbox life. */
  ledger(filter?: SeriesFilter): Promise<Map<LedgerSource, SequenceRanges>>;

  /**
   * Raw, window, segment and context points in order of series, then time; handed out in pages. A point that is held
   * twice is given once, unless `repeats` asks for everything as it is held: that is how a checker finds it.
   */
  points(filter: SeriesFilter, range: TimeRange, repeats?: 'repeats'): AsyncIterable<StoredPoint[]>;

  /** The newest `limit` points of one series within the range, oldest first. For charts. */
  recent(series: SeriesId, range: TimeRange, limit: number): Promise<StoredPoint[]>;

  /** The stored rollups in order of series, then time; handed out in pages. */
  rollups(tier: RollupTier, filter: SeriesFilter, range: TimeRange): AsyncIterable<StoredRollup[]>;

  /** Newest first. */
  alerts(filter: AlertFilter): Promise<DeviceAlert[]>;

  /**
   * Recomputes buckets that changed since they were last computed and that ended before `closedBeforeUs`; a repaired
   * bucket makes the one above it dirty (1m → 1h → 1d). The 1h and 1d buckets are recomputed while still open.
   */
  repairRollups(closedBeforeUs: number): Promise<RepairOutcome>;

  /** Deletes what is older than its retention, where the database does not do so itself. */
  prune(nowUs: number): Promise<void>;
}

/** How long each tier is kept, in days; undefined is for ever. */
export interface Retention {
  readonly rawDays: number;
  readonly '1mDays': number;
  readonly '1hDays': number;
  readonly '1dDays'?: number;
}

/** The customer's retentions. */
export const defaultRetention: Retention = { rawDays: 7, '1mDays': 30, '1hDays': 365 };
