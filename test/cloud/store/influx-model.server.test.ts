import { describe, test } from 'vitest';
import { haveServers } from '../../servers/ensure.js';
import { startInfluxd } from '../../servers/influxdb.js';
import { checkAgainstModel } from './influx-model.js';

describe.skipIf(!(await haveServers('influxdb')))('InfluxDB against a model', () => {
  test('whatever is written, repaired, expired, repeated and crashed, each reading counts once', async () => {
    const influxdb = await startInfluxd();
    try {
      await checkAgainstModel(influxdb, 12);
    } finally {
      await influxdb.stop();
    }
  });
});
