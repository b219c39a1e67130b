// Appends to an outbox until it is killed, and says which numbers were acknowledged: `ok <number> <reading>`. Meanwhile
// it offers and acknowledges, as an uplink does. Arguments: directory, name of this life.
import { randomBytes } from 'node:crypto';
import { writeSync } from 'node:fs';
import { systemClock } from '#core/runtime/clock.js';
import { createLogger } from '#core/runtime/logger.js';
import { LevelOutbox } from '../../../edge/outbox/level-outbox.js';
import { tracedEntry, tracedThinner } from '../../contracts/outbox/traced-pack.js';

const [directory, life] = process.argv.slice(2) as [string, string];
const outbox = new LevelOutbox({
  directory,
  maxBytes: 256 * 1024 * 1024,
  reserveBytes: 1024 * 1024,
  clock: systemClock,
  logger: createLogger({ level: 'error' }),
  thinner: tracedThinner,
  random: randomBytes,
});
await outbox.start();

async function appendForEver(loop: number): Promise<never> {
  for (let i = 0; ; i += 1) {
    const name = `${life}-${loop}-${i}`;
    const [seq] = await outbox.append([tracedEntry(i % 10 === 9 ? 'alert' : 'data', [name], 500)]);
    // At once and unbuffered: what was said before the kill was said.
    writeSync(1, `ok ${seq} ${name}\n`);
  }
}

async function sendForEver(): Promise<never> {
  for (;;) {
    for (const lane of ['alert', 'data'] as const) {
      const entries = await outbox.offer(lane, 16, 'newest-session');
      await outbox.acknowledge(entries.map(({ seq }) => seq));
    }
    await systemClock.sleep(2);
  }
}

await Promise.all([appendForEver(0), appendForEver(1), appendForEver(2), sendForEver()]);
