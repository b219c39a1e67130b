//  log ══► ingest ──► store ◄── roller          log ══► fleet ─┐
//            │                                                 ├──► api ──► console, checker, reports
//            ├─ parking (waits for a catalogue or a clock)     │
//            └─ dead-letters                        store ─────┘
import { fileURLToPath } from 'node:url';
import type { Registry } from 'prom-client';
import type { EventLog } from '#core/log/log.js';
import type { Clock } from '#core/runtime/clock.js';
import type { DataDirectory } from '#core/runtime/data-directory.js';
import { startAll, stopAll, type Part } from '#core/runtime/lifecycle.js';
import type { Logger } from '#core/runtime/logger.js';
import type { CloudConfig } from './config.js';
import { CountingRepairs } from './ingest/counting-repairs.js';
import { Ingest, type IngestStatus } from './ingest/ingest.js';
import { Parking } from './ingest/parking.js';
import { Roller } from './rollups/roller.js';
import { ApiServer, type ApiServerOptions } from './serve/api-server.js';
import { Fleet } from './serve/fleet.js';
import { GapResender } from './serve/gap-resender.js';
import type { SeriesStore } from './store/store.js';

export { cloudConfigSchema, cloudConfigShape, type CloudConfig } from './config.js';
export { openStore, type StoreDependencies } from './store/open-store.js';

export interface CloudDependencies {
  /** Both started, the log with its topics; neither is owned here. */
  readonly log: EventLog;
  readonly store: SeriesStore;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly registry: Registry;
}

export interface IngestLine extends Part {
  status(): IngestStatus;
  /** Buckets that wait to be rolled up; null before the first look, and where this process rolls nothing up. */
  rollupsRemaining(): number | null;
  notReady(): string[];
}

/** From the log into the store, and its rollups. `data` holds the packs that cannot be placed yet. */
export function createIngest(
  config: Pick<CloudConfig, 'ingest' | 'rollups'>,
  { data, ...seams }: CloudDependencies & { readonly data: Pick<DataDirectory, 'file'> },
): IngestLine {
  const { maxParkedBytes: maxBytes, maxDeviceParkedBytes: maxBytesPerDevice, ...limits } = config.ingest;
  const parking = new Parking({ path: data.file('parking'), maxBytes, maxBytesPerDevice });
  const ingest = new Ingest({ ...seams, parking, ...limits });
  const repairs = new CountingRepairs(seams.store);
  const { enabled, ...pace } = config.rollups;
  const parts: Part[] = enabled ? [new Roller({ ...seams, ...pace, store: repairs }), ingest] : [ingest];
  return {
    start: () => startAll(parts),
    stop: (deadlineMs) => stopAll(parts, deadlineMs),
    status: () => ingest.status(),
    rollupsRemaining: () => repairs.remaining,
    notReady: () => ingest.notReady(),
  };
}

export type ServeDependencies = CloudDependencies &
  Pick<ApiServerOptions, 'stages' | 'latency' | 'rollupsRemaining' | 'notReady' | 'assetsDir' | 'door'>;

export interface ServeLine extends Part {
  /** Known after `start`. */
  port(): number;
  /** What the store has of what a device sent since a pack of it; undefined for a device that told nothing of its packs. */
  completenessOf: ApiServer['completenessSince'];
}

/** The API and the console. It answers before the announcements are read, and says that it is not ready. */
export function createServe(
  config: Pick<CloudConfig, 'http' | 'fleet' | 'store'>,
  seams: ServeDependencies,
): ServeLine {
  const { retention } = config.store;
  const assetsDir = seams.assetsDir ?? fileURLToPath(new URL('./console/assets', import.meta.url));
  const { resendAfterMs: afterMs, ...shown } = config.fleet;
  const fleet = new Fleet({ ...seams, ...shown });
  const resender = new GapResender({ ...seams, fleet, afterMs });
  const api = new ApiServer({ ...seams, ...config.http, assetsDir, fleet, retention });
  const parts = [api, fleet, resender];
  const start = () => startAll(parts);
  const completenessOf: ServeLine['completenessOf'] = (...asked) => api.completenessSince(...asked);
  return { start, stop: (deadlineMs) => stopAll(parts, deadlineMs), port: () => api.port, completenessOf };
}
