import { expect, test } from 'vitest';
import { bucketSpecs, defaultBuckets } from '../../../../cloud/store/influx/buckets.js';

const daySeconds = 86_400;

test('no bucket is cut into shards shorter than a day', () => {
  const short = bucketSpecs(defaultBuckets, { rawDays: 1, '1mDays': 1, '1hDays': 2, '1dDays': 2 }, 1);
  expect(short.map(({ name, seconds, shardSeconds }) => [name, seconds / daySeconds, shardSeconds])).toEqual([
    ['realtime', 1, daySeconds],
    ['downsampled_1m', 1, daySeconds],
    ['downsampled_1h', 2, undefined],
    ['downsampled_1d', 2, undefined],
    ['alerts', 1, daySeconds],
    ['fieldline_state', 0, undefined],
  ]);
});
