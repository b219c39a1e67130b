import { describe, it } from 'vitest';
import { haveServers } from '../servers/ensure.js';
import { killCluster } from './kill-scenarios.js';

describe.skipIf(!(await haveServers('kafka', 'influxdb')))('the cluster profile', () => {
  it('gateway, ingest, Kafka and influxd are killed one after another at 5,000 readings/s: nothing lost, doubled or changed', async () => {
    await killCluster(['gateway', 'ingest', 'kafka', 'influxd']);
  }, 1_200_000);
});
