import { describe, it } from 'vitest';
import { haveServers } from '../servers/ensure.js';
import { killCluster, killEmbedded, type ClusterFault } from './kill-scenarios.js';

it('the embedded process is killed ten times at 5,000 readings/s', async () => {
  await killEmbedded(10, 120);
}, 900_000);

describe.skipIf(!(await haveServers('kafka', 'influxdb')))('the cluster profile, each part on its own', () => {
  it.each<ClusterFault>(['gateway', 'ingest', 'kafka', 'influxd'])(
    '%s is killed three times at 5,000 readings/s',
    async (fault) => {
      await killCluster([fault, fault, fault], 90);
    },
    900_000,
  );
});
