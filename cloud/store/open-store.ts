import type { Registry } from 'prom-client';
import type { Clock } from '#core/runtime/clock.js';
import type { DataDirectory } from '#core/runtime/data-directory.js';
import { FatalError } from '#core/runtime/errors.js';
import type { Logger } from '#core/runtime/logger.js';
import type { Profile } from '#core/runtime/profile.js';
import { DuckDBStore } from './duckdb-store.js';
import { InfluxStore } from './influx-store.js';
import type { SeriesStore } from './store.js';
import type { StoreConfig } from './store-config.js';

export interface StoreDependencies {
  /** Where the embedded store keeps its file. */
  readonly data: Pick<DataDirectory, 'file'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly registry: Registry;
  /** The InfluxDB token where the configuration names none. */
  readonly influxToken?: string | undefined;
}

const stores = {
  embedded: ({ retention, duckdb }: StoreConfig, { data, clock, logger, registry }: StoreDependencies) =>
    new DuckDBStore({ file: data.file('series.duckdb'), retention, ...duckdb, clock, logger, registry }),
  cluster: ({ retention, influx }: StoreConfig, { clock, logger, registry, influxToken }: StoreDependencies) => {
    if (!influx) throw new FatalError('bad-config', 'the profile cluster needs store.influx: its url and org');
    const token = influx.token ?? influxToken;
    if (!token)
      throw new FatalError('bad-config', 'no InfluxDB token: set FIELDLINE_INFLUX_TOKEN or store.influx.token');
    return new InfluxStore({ ...influx, token, retention, clock, logger, registry });
  },
} satisfies Record<Profile, (config: StoreConfig, dependencies: StoreDependencies) => SeriesStore>;

/** The series store of a profile, not yet started. Throws FatalError `bad-config` if its section is missing. */
export function openStore<P extends Profile>(
  profile: P,
  config: StoreConfig,
  dependencies: StoreDependencies,
): ReturnType<(typeof stores)[P]> {
  return stores[profile](config, dependencies) as ReturnType<(typeof stores)[P]>;
}
