import { fromBucket, pivotFields, quoted, type Flux } from './flux.js';
import type { FluxRow } from './flux-csv.js';
import type { InfluxClient } from './influx-client.js';
import type { Patience } from './patience.js';
import { daysOf, type RestingShards } from './resting-shards.js';

/** What stands in the state bucket, by measurement. */
export type StateKind = 'series' | 'ledger' | 'dirty' | 'generation' | 'seal' | 'covered';

/** The stamp of state that has none of its own: every save replaces the last. */
export const stateTimeUs = 0;

export interface StateStoreOptions {
  readonly client: InfluxClient;
  readonly patience: Patience;
  readonly resting: RestingShards;
  readonly bucket: string;
  readonly withinMs: number;
}

/** The store's own bookkeeping: points in a bucket of their own, kept for ever and replaced in place. */
export class StateStore {
  constructor(private readonly options: StateStoreOptions) {}

  /** Resolves when the lines are durable. The lines of one call may be torn apart by a crash. */
  async save(lines: readonly string[]): Promise<void> {
    const { client, patience, resting, bucket, withinMs } = this.options;
    for (let i = 0; i < lines.length; i += 5000) {
      const body = lines.slice(i, i + 5000).join('\n');
      await resting.guard(bucket, daysOf([body]), () => patience.run(withinMs, () => client.write(bucket, body)));
    }
  }

  /** The rows of a kind, their fields as columns; `terms` are further predicates. */
  async load<T>(kind: StateKind, read: (row: FluxRow) => T | undefined, ...terms: readonly Flux[]): Promise<T[]> {
    const { client, patience, bucket, withinMs } = this.options;
    const everything = { fromUs: Number.NEGATIVE_INFINITY, toUs: Number.POSITIVE_INFINITY };
    const source = fromBucket(bucket, everything, `r._measurement == ${quoted(kind)}`, ...terms);
    const flux = `${source} |> ${pivotFields}`;
    return patience.run(withinMs, () => client.collect(flux, read));
  }
}
