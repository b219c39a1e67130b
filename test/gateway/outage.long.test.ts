import { it } from 'vitest';
import { surviveOutage } from './outage.js';

it('no device is cut off while the log is away for 30 seconds, with a keepalive of two', async () => {
  await surviveOutage({ outageMs: 30_000, keepaliveS: 2, devices: 20, packs: 200 });
});

it('nor for ten minutes', async () => {
  await surviveOutage({ outageMs: 600_000, keepaliveS: 10, devices: 50, packs: 500 });
});
