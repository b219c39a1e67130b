import { z } from 'zod';
import { nameSchema } from '#core/contract/names.js';
import { defaultRetention } from './store.js';

const days = (byDefault: number) => z.int().min(1).max(36_500).default(byDefault);

const retentionSchema = z
  .strictObject({
    rawDays: days(defaultRetention.rawDays).describe('Days that raw points are kept'),
    '1mDays': days(defaultRetention['1mDays']).describe('Days that rollups of a minute are kept'),
    '1hDays': days(defaultRetention['1hDays']).describe('Days that rollups of an hour are kept'),
    '1dDays': z.int().min(1).optional().describe('Days that rollups of a day are kept; for ever unless set'),
  })
  .refine((kept) => kept['1mDays'] >= kept.rawDays, { path: ['1mDays'], message: 'must be at least rawDays' })
  .refine((kept) => kept['1hDays'] >= kept['1mDays'], { path: ['1hDays'], message: 'must be at least 1mDays' });

const duckdbSchema = z.strictObject({
  memoryLimitMb: z.int().min(32).default(128).describe('MB that DuckDB may use for its buffers'),
  threads: z.int().min(1).max(256).default(1).describe('Threads of one query'),
});

const bucketName = z.string().min(1).max(200).optional();
const influxSchema = z.strictObject({
  url: z.url({ protocol: /^https?$/ }).describe('Address of InfluxDB 2'),
  org: z.string().min(1).describe('Organisation that owns the buckets'),
  token: z.string().min(1).optional().describe('All-access token; better in the environment'),
  writer: nameSchema.default('main').describe('Tells ingest processes of one store apart; it stays over restarts'),
  alertDays: z.int().min(1).max(36_500).default(30).describe('Days that alerts are kept'),
  labels: z.array(z.string().min(1)).optional().describe('Catalogue labels that become tags'),
  tasks: z.boolean().default(true).describe('Whether tasks of InfluxDB roll up; else the ingest does it all'),
  buckets: z
    .strictObject({
      realtime: bucketName.describe('Raw points'),
      '1m': bucketName.describe('Rollups of a minute'),
      '1h': bucketName.describe('Rollups of an hour'),
      '1d': bucketName.describe('Rollups of a day'),
      alerts: bucketName.describe('Alerts'),
      state: bucketName.describe('Ledger and marks of the store'),
    })
    .prefault({})
    .describe('Names of buckets other than the usual ones'),
});

/** The `store` section of the configuration; the profile says which of its parts counts. */
export const storeConfigSchema = z.strictObject({
  retention: retentionSchema.prefault({}).describe('How long each tier is kept'),
  duckdb: duckdbSchema.prefault({}).describe('The store in a file of the profile embedded'),
  influx: influxSchema.optional().describe('InfluxDB 2, for the profile cluster'),
});
export type StoreConfig = z.infer<typeof storeConfigSchema>;
