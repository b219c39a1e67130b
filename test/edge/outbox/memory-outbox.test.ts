import { randomBytes } from 'node:crypto';
import { MemoryOutbox } from '../../../edge/outbox/memory-outbox.js';
import { outboxSuite } from '../../contracts/outbox-suite.js';
import { tracedThinner } from '../../contracts/outbox/traced-pack.js';

outboxSuite({
  name: 'memory',
  durable: false,
  runs: 100,
  open: async ({ small = false, thinner = tracedThinner } = {}) => {
    const outbox = new MemoryOutbox({ maxBytes: small ? 3_000_000 : 1e9, thinner, random: randomBytes });
    await outbox.start();
    return { outbox, close: () => outbox.stop() };
  },
});
