import { afterAll, beforeAll, describe } from 'vitest';
import { seriesStoreSuite } from '../../contracts/series-store-suite.js';
import type { StoreOpener } from '../../contracts/series-store/harness.js';
import { haveServers } from '../../servers/ensure.js';
import { startInfluxd, type Influxdb } from '../../servers/influxdb.js';
import { influxStoreOn, ownBuckets } from './influx-fixture.js';

describe.skipIf(!(await haveServers('influxdb')))('on a real InfluxDB', () => {
  let influxdb: Influxdb;
  beforeAll(async () => {
    influxdb = await startInfluxd();
  });
  afterAll(() => influxdb?.stop());

  const open: StoreOpener = async ({ retention }) => {
    const buckets = ownBuckets();
    const start = async () => {
      const store = influxStoreOn(influxdb, { retention, buckets });
      await store.start();
      return store;
    };
    let store = await start();
    return {
      get store() {
        return store;
      },
      // The store that is dropped never hears of it, as if its process had been killed.
      reopen: async () => (store = await start()),
      close: () => store.stop(1000),
    };
  };

  seriesStoreSuite({ name: 'InfluxDB', open, runs: 6 });
});
