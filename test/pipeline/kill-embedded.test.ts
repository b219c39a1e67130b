import { it } from 'vitest';
import { killEmbedded } from './kill-scenarios.js';

it('the embedded process is killed in the middle of 5,000 readings/s: nothing lost, doubled or changed', async () => {
  await killEmbedded(2);
}, 600_000);
