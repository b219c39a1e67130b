import { BucketsAPI, OrgsAPI, type Bucket } from '@influxdata/influxdb-client-apis';
import { dayUs } from '#core/contract/time.js';
import { FatalError } from '#core/runtime/errors.js';
import type { Logger } from '#core/runtime/logger.js';
import type { Retention } from '../store.js';
import type { InfluxClient } from './influx-client.js';
import { keptDays } from './tiers.js';

/** The buckets by what they hold. */
export interface BucketNames {
  readonly realtime: string;
  readonly '1m': string;
  readonly '1h': string;
  readonly '1d': string;
  readonly alerts: string;
  readonly state: string;
}

export const defaultBuckets: BucketNames = {
  realtime: 'realtime',
  '1m': 'downsampled_1m',
  '1h': 'downsampled_1h',
  '1d': 'downsampled_1d',
  alerts: 'alerts',
  state: 'fieldline_state',
};

/** How a bucket should be; 0 seconds is for ever. */
interface BucketSpec {
  readonly name: string;
  readonly seconds: number;
  readonly shardSeconds?: number;
}

const daySeconds = dayUs / 1e6;

export function bucketSpecs(names: BucketNames, retention: Retention, alertDays: number): BucketSpec[] {
  const kept = keptDays(retention);
  const seconds = (days: number) => (Number.isFinite(days) ? days * daySeconds : 0);
  // What is kept for a day only InfluxDB would cut into hours, and the store reckons with shards of days.
  const spec = (name: string, days: number) => ({
    name,
    seconds: seconds(days),
    ...(days < 2 && { shardSeconds: daySeconds }),
  });
  return [
    { name: names.realtime, seconds: seconds(kept.raw), shardSeconds: daySeconds },
    spec(names['1m'], kept['1m']),
    spec(names['1h'], kept['1h']),
    spec(names['1d'], kept['1d']),
    spec(names.alerts, alertDays),
    spec(names.state, Infinity),
  ];
}

/** The id of an organisation. Throws FatalError `bad-config` if there is none of that name. */
export async function findOrg(client: InfluxClient, org: string): Promise<string> {
  const found = await client.find(`look for organisation ${org}`, () => new OrgsAPI(client.influx).getOrgs({ org }));
  const id = found?.orgs?.find(({ name }) => name === org)?.id;
  if (id === undefined)
    throw new FatalError('bad-config', `InfluxDB has no organisation ${org}: check the setting org`);
  return id;
}

/**
 * Creates the buckets that are missing. One that is kept for another time is left as it is, with a warning.
 * Resolves with how many seconds each is really kept; infinity is for ever.
 */
export async function ensureBuckets(
  client: InfluxClient,
  org: string,
  orgID: string,
  specs: readonly BucketSpec[],
  logger: Logger,
): Promise<Map<string, number>> {
  const kept = new Map<string, number>();
  const api = new BucketsAPI(client.influx);
  for (const spec of specs) {
    const found = await client.find(`look for bucket ${spec.name}`, () => api.getBuckets({ org, name: spec.name }));
    const bucket = found?.buckets?.find(({ name }) => name === spec.name);
    kept.set(spec.name, (bucket?.retentionRules[0]?.everySeconds ?? (bucket ? 0 : spec.seconds)) || Infinity);
    if (bucket) warnIfOther(bucket, spec, logger);
    else await client.call(`create bucket ${spec.name}`, () => api.postBuckets({ body: bodyOf(spec, orgID) }));
  }
  return kept;
}

function bodyOf({ name, seconds, shardSeconds }: BucketSpec, orgID: string) {
  const rule = { type: 'expire' as const, everySeconds: seconds };
  return { name, orgID, retentionRules: [shardSeconds ? { ...rule, shardGroupDurationSeconds: shardSeconds } : rule] };
}

function warnIfOther(bucket: Bucket, { name, seconds }: BucketSpec, logger: Logger): void {
  const actual = bucket.retentionRules[0]?.everySeconds ?? 0;
  if (actual === seconds) return;
  const days = (value: number) => (value === 0 ? 'for ever' : `${value / daySeconds} days`);
  logger.warn({ bucket: name, kept: days(actual), configured: days(seconds) }, 'InfluxDB: bucket left as it is');
}
