import { describe, it } from 'vitest';
import { haveServers } from '../servers/ensure.js';
import { killCluster } from './kill-scenarios.js';

describe.skipIf(!(await haveServers('kafka', 'influxdb')))('the gateway on three brokers', () => {
  it('brokers die alone, freeze and die together at 5,000 readings/s, beside idle and deaf clients: nothing lost or doubled', async () => {
    const bystanders = { idle: 1000, deaf: 3 };
    await killCluster(['oneBroker', 'frozenBroker', 'allBrokers'], { brokers: 3, bystanders });
  }, 1_200_000);
});
