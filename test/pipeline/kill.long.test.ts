import { describe, it } from 'vitest';
import { haveServers } from '../servers/ensure.js';
import { killCluster, killEmbedded, type ClusterFault } from './kill-scenarios.js';

it('the embedded process is killed ten times at 5,000 readings/s', async () => {
  await killEmbedded(10);
}, 1_800_000);

describe.skipIf(!(await haveServers('kafka', 'influxdb')))('the cluster profile, each part on its own', () => {
  it.each<ClusterFault>(['gateway', 'ingest', 'kafka', 'influxd'])(
    '%s is killed three times at 5,000 readings/s',
    async (fault) => {
      await killCluster([fault, fault, fault]);
    },
    1_800_000,
  );
});

describe.skipIf(!(await haveServers('kafka', 'influxdb')))('the gateway on three brokers', () => {
  it('and ten thousand idle clients: brokers die alone, freeze and die together, three times', async () => {
    const round = ['oneBroker', 'frozenBroker', 'allBrokers', 'gateway'] as const;
    // A gateway that dies takes its idle clients with it: they are there for the first round alone.
    const bystanders = { idle: 10_000, deaf: 3 };
    await killCluster(round.slice(0, 3), { brokers: 3, bystanders });
    await killCluster([...round, ...round], { brokers: 3 });
  }, 3_600_000);
});
