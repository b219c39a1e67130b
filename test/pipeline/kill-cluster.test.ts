import { describe, it } from 'vitest';
import { haveServers } from '../servers/ensure.js';
import { killCluster } from './kill-scenarios.js';

describe.skipIf(!(await haveServers('kafka', 'influxdb')))('the cluster profile on three brokers', () => {
  it('its parts are killed, frozen and killed together at 5,000 readings/s, beside idle and deaf clients: nothing lost, doubled or changed', async () => {
    const bystanders = { idle: 1000, deaf: 3 };
    const faults = ['oneBroker', 'frozenBroker', 'allBrokers', 'gateway', 'ingest', 'influxd'] as const;
    await killCluster(faults, { brokers: 3, bystanders });
  }, 1_200_000);
});
