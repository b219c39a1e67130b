import { Counter, type Registry } from 'prom-client';
import { observe } from '#core/runtime/metrics.js';

/** What the store counts; without a registry it counts for nobody. */
export interface InfluxCounters {
  readonly stored: (readings: number) => void;
  readonly duplicate: (readings: number) => void;
  readonly expired: (readings: number) => void;
  readonly rejected: (readings: number) => void;
  /** A request that failed and is made again. */
  readonly writeFailed: () => void;
  readonly alertsExpired: (alerts: number) => void;
}

export function influxCounters(registry: Registry | undefined, dirtyBuckets: () => number): InfluxCounters {
  const counter = (name: string, help: string) => {
    if (!registry) return () => undefined;
    const made = new Counter({ name: `fieldline_influx_${name}`, help, registers: [registry] });
    return (count: number) => made.inc(count);
  };
  if (registry) observe(registry, 'fieldline_influx_dirty_buckets', 'Buckets that wait to be repaired', dirtyBuckets);
  const failed = counter('write_failed_total', 'Requests to InfluxDB that failed and were made again');
  return {
    stored: counter('readings_stored_total', 'Readings written as points'),
    duplicate: counter('readings_duplicate_total', 'Readings of packs that the ledger already had'),
    expired: counter('readings_expired_total', 'Readings older than the raw retention, added to the rollups only'),
    rejected: counter('readings_rejected_total', 'Readings that InfluxDB refused'),
    writeFailed: () => failed(1),
    alertsExpired: counter('alerts_expired_total', 'Alerts older than their retention, which are not stored'),
  };
}
